"""Rows of the three fine-tuning tasks, made from package records and translated help pages.

Called by scripts/fetch_data. Titles and translations are texts as their authors wrote them; the questions are
templates filled with fields of real package records, and their answers stand word for word in the context.
"""

import re

from datasets.prose import description_paragraphs, help_blocks, squeeze
from datasets.rows import plain, stable_hash


def stem(package):
    """What near-identical packages share: `libfoo2-dev`, `foo-doc` and `python3-foo` all become `foo`."""
    name = re.sub(r"^(lib|python3?-|ruby-|golang-|node-|php-|r-cran-|r-bioc-|fonts-|texlive-)+", "", package)
    name = re.sub(r"[0-9.+]+", "", name)
    suffixes = r"-(dev|doc|docs|dbg|data|common|bin|utils|tools|perl|java|examples|tests?|plugins?|all|core|base|extra)\b"
    name = re.sub(suffixes, "", name)
    return re.sub(r"[^a-z]+", "-", name.split("-")[0] or name).strip("-") or package


def package_key(record):
    """The key by which a record is put into a split: the stem of its source package."""
    return stem(record.get("Source", record["Package"]).split(" ")[0])


def split_description(record, language):
    """(synopsis, long part) of a description record; the long part keeps its line structure."""
    synopsis, _, body = record.get(f"Description-{language}", "").partition("\n")
    return squeeze(synopsis), body


def summarization_rows(packages, descriptions):
    """{"description", "synopsis", "package", "key"} per package with running text, texts not repeated."""
    seen, rows = set(), []
    for name in sorted(packages):
        record = packages[name]
        synopsis, body = split_description(descriptions.get(record.get("Description-md5"), {}), "en")
        description = " ".join(description_paragraphs(body))
        marks = (plain(description), plain(synopsis))
        if len(description) < 60 or len(synopsis.split()) < 2 or any(mark in seen for mark in marks):
            continue
        seen.update(marks)
        rows.append({"description": description, "synopsis": synopsis, "package": name, "key": package_key(record)})
    return rows


def paired(english, german, source):
    """One translation row, or None if the pair is no translation (untranslated, lengths far apart, no words)."""
    english, german = squeeze(english), squeeze(german)
    if not plain(english) or english == german or not 1 <= len(english.split()) <= 60:
        return None
    if any("<" in text or "\ufffd" in text for text in (english, german)):
        return None
    if not 0.4 <= len(german) / len(english) <= 2.5:
        return None
    return {"en": english, "de": german, "source": source}


def description_pairs(english, german):
    """Translation rows from package descriptions: synopses, and paragraphs where their number is equal."""
    for digest in sorted(set(english) & set(german)):
        (title_en, body_en), (title_de, body_de) = (split_description(english[digest], "en"),
                                                    split_description(german[digest], "de"))
        yield paired(title_en, title_de, "package-descriptions")
        ours, theirs = description_paragraphs(body_en), description_paragraphs(body_de)
        if len(ours) == len(theirs):
            for one, other in zip(ours, theirs):
                yield paired(one, other, "package-descriptions")


def help_pairs(english_folder, german_folder):
    """Translation rows from LibreOffice help: paragraphs and headings with the same page and id."""
    for page in sorted(english_folder.rglob("*.html")):
        other = german_folder / page.relative_to(english_folder)
        if other.exists():
            ours, theirs = help_blocks(page.read_text("utf-8")), help_blocks(other.read_text("utf-8"))
            for identifier in ours.keys() & theirs.keys():
                yield paired(ours[identifier], theirs[identifier], "libreoffice-help")


def unique_pairs(pairs):
    """Pairs in a fixed order, one per English text and one per German text."""
    seen, rows = set(), []
    for row in sorted(filter(None, pairs), key=lambda row: (row["en"], row["de"])):
        marks = (plain(row["en"]), "de:" + plain(row["de"]))
        if not any(mark in seen for mark in marks):
            seen.update(marks)
            rows.append(row)
    return rows


# only teams are asked about, no persons
TEAM = re.compile(r"\b(Team|Group|Maintainers|Developers|Packagers|Packaging|Project)\b", re.I)

# name of the fact, sentence, question
FACTS = (
    ("section", "It belongs to section {answer}.", "Which section does {package} belong to?"),
    ("architecture", "It is built for architecture {answer}.", "For which architecture is {package} built?"),
    ("maintainer", "It is maintained by {answer}.", "Who maintains {package}?"),
    ("source", "It is built from source {answer}.", "From which source is {package} built?"),
    ("language", "It is written in {answer}.", "In which language is {package} written?"),
    ("role", "Its role is {answer}.", "What is the role of {package}?"),
    ("size", "Its installed size is {answer} kB.", "How many kB is the installed size of {package}?"),
)


def facts_of(record):
    """{fact: answer} as the package record states them; facts that it does not state are left out."""
    tags = dict(tag.split("::", 1) for tag in re.split(r",\s*", record.get("Tag", "")) if "::" in tag)
    maintainer = squeeze(re.sub(r"<[^>]*>|\"", "", record.get("Maintainer", "")))
    facts = {
        "section": record.get("Section"),
        "architecture": record.get("Architecture"),
        "maintainer": maintainer if TEAM.search(maintainer) else None,
        "source": record.get("Source", "").split(" ")[0],
        "language": tags.get("implemented-in"),
        "role": tags.get("role"),
        "size": record.get("Installed-Size"),
    }
    return {name: answer for name, answer in facts.items() if answer and answer != "TODO"}


def question_rows(packages, descriptions):
    """{"question", "context", "answers", "fact", "package", "key"}: two questions about every package."""
    for name in sorted(packages):
        record = packages[name]
        synopsis, _ = split_description(descriptions.get(record.get("Description-md5"), {}), "en")
        facts = facts_of(record)
        if not synopsis or len(facts) < 4:
            continue
        stated = sorted((fact for fact in FACTS if fact[0] in facts), key=lambda fact: stable_hash(name + fact[0]))
        sentences = [sentence.format(answer=facts[fact]) for fact, sentence, _ in stated]
        context = f"{name}: {synopsis}. " + " ".join(sentences)
        asked = sorted(stated, key=lambda fact: stable_hash("ask" + name + fact[0]))
        for fact, _, question in asked[:2]:
            yield {"question": question.format(package=name), "context": context, "answers": [facts[fact]],
                   "fact": fact, "package": name, "key": package_key(record)}


def quiz_rows(folder):
    """{"question", "answers", "key"} from the two-column files of the BSD quiz: closed-book questions."""
    index = {}
    for line in (folder / "index").read_text("utf-8", "replace").splitlines():
        path, *columns = line.split(":")
        if len(columns) == 2:
            index[path.rsplit("/", 1)[-1]] = [re.sub(r"[{}\[\]]|\|.*", "", column) for column in columns]
    for name in sorted(index):
        asked, wanted = index[name]
        for line in (folder / name).read_text("utf-8", "replace").splitlines():
            question, separator, answer = line.partition(":")
            answers = [squeeze(re.sub(r"[{}\[\]]", "", part)) for part in answer.split("|")]
            if separator and answers[0] and "\\" not in line and not re.search(r"[{}\[\]|]", question):
                yield {"question": f"{name}, {asked} to {wanted}: {squeeze(question)}",
                       "answers": list(dict.fromkeys(filter(None, answers))), "key": name + question}
