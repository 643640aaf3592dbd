"""Clean prose out of documentation files: HTML pages, Perl's POD, package descriptions, LibreOffice help.

Called by scripts/fetch_data. The rule for a paragraph is C4's for a line: it ends like a sentence, has some
words, and is made of words rather than code.
"""

import html
import re

MINIMUM_WORDS = 6
DOCUMENT_CHARACTERS = (300, 2400)  # shortest and longest document

_DROPPED = re.compile(r"<(script|style|pre|table|head|footer|nav|svg|code-block)\b.*?</\1\s*>", re.S | re.I)
_BLOCK = re.compile(r"</?(?:p|div|li|ul|ol|dl|dt|dd|h[1-6]|br|hr|td|tr|th|blockquote|section|body|html|title)\b[^>]*>",
                    re.I)
_TAG = re.compile(r"<[^>]*>")
_POD_CODE = re.compile(r"[A-Z]<([^<>]*)>")


def squeeze(text):
    """One line, single spaces, plain apostrophes and quotes."""
    text = text.translate(str.maketrans("\u2019\u2018\u201c\u201d\u00a0\u2026", "''\"\" \u2026"))
    return re.sub(r"\s+", " ", text).strip()


def is_prose(paragraph):
    """Whether a paragraph reads like a sentence and not like code, a list of names or a link."""
    if len(paragraph.split()) < MINIMUM_WORDS or paragraph[-1] not in ".!?\":":
        return False
    if any(mark in paragraph for mark in ("{", "}", "://", "::", "=>", "->", "\\", " = ")):
        return False
    letters = sum(character.isalpha() or character == " " for character in paragraph)
    return letters >= 0.9 * len(paragraph) and paragraph[0].isalnum() | (paragraph[0] in "\"'(")


def html_paragraphs(page):
    """The text blocks of an HTML page in order, without code, tables and page furniture."""
    page = _DROPPED.sub("\0", page)
    page = _TAG.sub("", _BLOCK.sub("\0", page))
    return [squeeze(html.unescape(block)) for block in page.split("\0") if block.strip()]


def pod_paragraphs(text):
    """The ordinary paragraphs of a POD file, formatting codes removed."""
    paragraphs = []
    for block in re.split(r"\n\s*\n", text):
        if not block or block[0] in "= \t" or "<<" in block:
            continue
        block = re.sub(r"[XZ]<[^<>]*>", "", block)
        block = re.sub(r"L<(?:([^<>|]*)\|)?([^<>|/]*)[^<>]*>", lambda link: link.group(1) or link.group(2), block)
        while (plainer := _POD_CODE.sub(r"\1", block)) != block:
            block = plainer
        paragraphs.append(squeeze(block))
    return paragraphs


def description_paragraphs(description):
    """The running-text paragraphs of a package description's long part (lists and verbatim lines left out)."""
    paragraphs = []
    for block in re.split(r"\n\.(?=\n|$)", description):
        lines = [line for line in block.split("\n") if line.strip() and line.strip() != "."]
        if lines and not any(re.match(r"\s|[-*o+]\s", line) for line in lines):
            paragraphs.append(squeeze(" ".join(lines)))
    return paragraphs


_HELP_BLOCK = re.compile(r'<(p|h\d) id="((?:par|hd)_[^"]+)"[^>]*>(.*?)</\1>', re.S)


def help_blocks(page):
    """{id: text} of a LibreOffice help page, in order; texts that differ by system are left out."""
    blocks = {}
    for _, identifier, body in _HELP_BLOCK.findall(page):
        text = squeeze(html.unescape(_TAG.sub("", body)))
        if text and "switchinline" not in body and "<img" not in body:
            blocks.setdefault(identifier, text)
    return blocks


def documents(paragraphs, seen):
    """Joins prose paragraphs into documents of DOCUMENT_CHARACTERS; `seen` drops paragraphs met before."""
    shortest, longest = DOCUMENT_CHARACTERS
    done, current = [], []
    for paragraph in paragraphs:
        if not is_prose(paragraph) or paragraph in seen or len(paragraph) > longest:
            continue
        seen.add(paragraph)
        if sum(map(len, current)) + len(paragraph) > longest:
            done.append("\n".join(current))
            current = []
        current.append(paragraph)
    if current:
        done.append("\n".join(current))
    return [document for document in done if len(document) >= shortest]
