"""Task files and the rows of their readers, as `evaluate` meets them: broken layouts, missing fields."""
import json
import os
import shutil

from bad_input.case import SOURCE, HTML, edit_json, golden, make_folder, put, remove, replace, table
from bad_input.tokenizers import larger

EVALUATE = "evaluate --model model --task task.yaml --data rows.jsonl --predictions out.jsonl --bootstrap 100"
TASK = """name: t
input: "q: {text}"
target: "{word}"
reader: jsonl
lengths: {source: 16, target: 4}
metrics: [exact_match]
"""
GOOD = '{"text": "a b", "word": "a"}\n'
TRIVIA = "tests/unit/pipeline/task_data/trivia_qa"
QUESTIONS = "trivia/qa/wikipedia-train.json"

case = table(golden("v1_1"), *larger(16), put("task.yaml", TASK), put("rows.jsonl", GOOD))


def task(name, old, new, *parts, line=None, place="task.yaml"):
    place = place if line is None else f"task.yaml:{line}"
    return case(name, replace("task.yaml", old, new), EVALUATE, place, *parts)


def rows(name, content, *parts, steps=()):
    return case(name, [put("rows.jsonl", content), *steps], EVALUATE, "rows.jsonl", *parts)


def reader(kind, data, *steps, window=""):
    """The good task with another reader, and its data."""
    text = TASK.replace("reader: jsonl", f"reader: {kind}{window}")
    if kind in ("squad", "trivia_qa"):
        text = text.replace("q: {text}", "q: {question} {context}").replace("{word}", "{answers}")
    if kind == "parallel":
        text = text.replace("{text}", "{source}").replace("{word}", "{target}")
    return [put("task.yaml", text), *steps], EVALUATE.replace("rows.jsonl", data, 1)


def tsv(name, content, *parts):
    steps, command = reader("tsv", "rows.tsv", put("rows.tsv", content))
    return case(name, steps, command, "rows.tsv", *parts)


def listed(name, content, *parts):
    steps, command = reader("json", "rows.json", put("rows.json", content))
    return case(name, steps, command, "rows.json", *parts)


def parallel(name, source, target, *parts, data="a.en,a.de"):
    steps, command = reader("parallel", data, put("a.en", source), put("a.de", target))
    return case(name, steps, command, *parts)


ARTICLE = {"title": "t", "paragraphs": [{"context": "red is a", "qas": [
    {"id": "q1", "question": "which?", "answers": [{"text": "red", "answer_start": 0}]}]}]}


def squad(name, content, *parts):
    text = content if isinstance(content, str) else json.dumps(content)
    steps, command = reader("squad", "squad.json", put("squad.json", text))
    return case(name, steps, command, "squad.json", *parts)


def article(**paragraph):
    return {"data": [ARTICLE | {"paragraphs": [ARTICLE["paragraphs"][0] | paragraph]}]}


def question(**keys):
    return article(qas=[ARTICLE["paragraphs"][0]["qas"][0] | keys])


def trivia_files(folder):
    shutil.copytree(os.path.join(SOURCE, TRIVIA), os.path.join(folder, "trivia"))


def trivia(name, change, *parts):
    steps, command = reader("trivia_qa", QUESTIONS, trivia_files, *change)
    return case(name, steps, command, *parts)


def datum(**keys):
    def change(folder):
        path = os.path.join(folder, QUESTIONS)
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        found["Data"][0].update(keys)
        put(QUESTIONS, json.dumps(found))(folder)
    return change


CASES = [
    # The task file
    case("no such task", [], EVALUATE.replace("task.yaml", "tsak.yaml"), "tsak.yaml"),
    case("an unknown name of a shipped task", [], EVALUATE.replace("task.yaml", "titels"), "titels", "titles"),
    case("a task file that is a folder", [remove("task.yaml"), make_folder("task.yaml")], EVALUATE, "task.yaml"),
    case("an empty task file", put("task.yaml", ""), EVALUATE, "task.yaml:1", "nothing"),
    case("a task file that is a web page", put("task.yaml", HTML), EVALUATE, "task.yaml"),
    task("an unknown key", "reader:", "raeder:", "raeder", 'did you mean "reader"', line=4),
    task("a key twice", "name: t", "name: t\nname: u", '"name"', "twice", line=2),
    task("an empty list of metrics", "[exact_match]", "[]", "metrics"),
    task("an unknown metric", "[exact_match]", "[blue]", '"blue"', 'did you mean "bleu"', line=6),
    task("an unknown reader", "jsonl", "csv", '"csv"', "jsonl", line=4),
    task("evidence for another reader", "reader: jsonl", "reader: jsonl\nevidence: x", "evidence", line=5),
    task("a source of no tokens", "source: 16", "source: 0", "source", '"0"', line=5),
    task("a template without a field", "q: {text}", "q", '"q"', "names no field"),
    task("a brace that stays open", "q: {text}", "q: {text", "{text", "does not close", place="task t: input"),
    task("a brace that was not opened", "q: {text}", "q: {text}}", "not opened", place="task t: input"),
    task("an empty field", "q: {text}", "q: {}", "{}", place="task t: input"),
    task("options of another metric", "metrics:", "metric_options: {stemmer: true}\nmetrics:", "stemmer", "no effect",
         line=6),
    task("decoding with no beams", "metrics:", "decode: {beams: 0}\nmetrics:", "beams", '"0"', line=6),
    task("three texts for true and false", "metrics:", "fields: {booleans: [a, b, c]}\nmetrics:", "booleans", "3",
         line=6),
    task("a window that is not at the end", "metrics:", "window: word\nmetrics:", "window", "word", line=6),
    case("a model without a vocabulary", [golden("v1_1", "bare")], EVALUATE.replace("model model", "model bare"),
         "bare"),
    # Rows
    rows("no rows", "", "no rows"),
    rows("a row that is no JSON", GOOD + "{]\n", ":2", "not valid JSON"),
    rows("a row without a field", GOOD + '{"txet": "a", "word": "b"}\n', ":2", '"text"', "txet"),
    rows("a row without a target", GOOD + '{"text": "a"}\n', ":2", '"word"'),
    rows("a field of null", GOOD + '{"text": null, "word": "b"}\n', ":2", "text", "null"),
    rows("a list of two for one source", GOOD + '{"text": ["a", "b"], "word": "b"}\n', ":2", "2 texts"),
    rows("an empty list of targets", GOOD + '{"text": "a", "word": []}\n', ":2", "word", "empty list"),
    # tsv and json
    tsv("tsv: an empty file", "", "empty"),
    tsv("tsv: no rows", "text\tword\n", "no rows"),
    tsv("tsv: a column is missing", "text\tword\na\n", ":2", "1 columns"),
    tsv("tsv: two columns of one name", "text\ttext\na\tb\n", ":1", '"text"'),
    tsv("tsv: no column of the template", "text\twrod\na\tb\n", ":2", '"word"', 'did you mean "wrod"'),
    tsv("tsv: not UTF-8", b"text\tword\na\t\xff\n", ":2", "UTF-8"),
    listed("json: an empty file", "", "empty"),
    listed("json: an object", "{}", "object", "jsonl"),
    listed("json: lines of objects", GOOD * 2, "not valid JSON"),
    listed("json: no rows", "[]", "no rows"),
    # parallel
    parallel("parallel: the second file is shorter", "a\nb\n", "a\n", "a.de", "ends after line 1", "a.en"),
    parallel("parallel: one file", "a\n", "a\n", "a.en", "two files", data="a.en"),
    parallel("parallel: a file is missing", "a\n", "a\n", "a.fr", data="a.en,a.fr"),
    parallel("parallel: empty files", "", "", "no rows"),
    parallel("parallel: not UTF-8", "a\n", b"\xff\n", "a.de:1", "UTF-8"),
    # SQuAD
    squad("squad: cut off", json.dumps({"data": [ARTICLE]})[:60], "not valid JSON"),
    squad("squad: without data", {"version": "1.1"}, '"data"', "SQuAD"),
    squad("squad: no articles", {"data": []}, "no rows"),
    squad("squad: an article without paragraphs", {"data": [{"title": "t"}]}, '"paragraphs"'),
    squad("squad: a paragraph without a context", article(context=None), '"context"'),
    squad("squad: a question without an id", question(id=7), '"id"'),
    squad("squad: a question without answers", question(answers=None), "q1", '"answers"'),
    squad("squad: no answer, as version 2 has", question(answers=[]), "q1", "answers", "empty"),
    # TriviaQA
    trivia("trivia_qa: an evidence document is missing", [remove("trivia/evidence/web/12/12_33.txt")], "12_33.txt",
           "missing", "evidence"),
    trivia("trivia_qa: an evidence document is not UTF-8", [put("trivia/evidence/web/12/12_33.txt", b"gr\xfc\xdfe")],
           "12_33.txt", "UTF-8"),
    trivia("trivia_qa: questions are cut off", [lambda folder: put(QUESTIONS, '{"Data": [{"Answer"')(folder)],
           QUESTIONS, "not valid JSON"),
    trivia("trivia_qa: without Data", [edit_json(QUESTIONS, Data=None)], QUESTIONS, '"Data"'),
    trivia("trivia_qa: a question without an id", [datum(QuestionId=5)], QUESTIONS, '"QuestionId"'),
    trivia("trivia_qa: a question without an answer", [datum(Answer=None)], QUESTIONS, '"Answer"'),
    trivia("trivia_qa: an answer of no alias", [datum(Answer={"NormalizedAliases": []})], QUESTIONS,
           '"NormalizedAliases"'),
    trivia("trivia_qa: a document out of the evidence", [datum(EntityPages=[{"Filename": "../../secret.txt"}])],
           QUESTIONS, "../../secret.txt", "outside"),
]
CONTROLS = [
    case("rows", [], EVALUATE),
    case("tsv", *reader("tsv", "rows.tsv", put("rows.tsv", "text\tword\na\tb\n"))),
    case("json", *reader("json", "rows.json", put("rows.json", f"[{GOOD.strip()}]"))),
    case("parallel", *reader("parallel", "a.en,a.de", put("a.en", "a\n"), put("a.de", "b\n"))),
    case("squad", *reader("squad", "squad.json", put("squad.json", json.dumps({"data": [ARTICLE]})))),
    case("trivia_qa", *reader("trivia_qa", QUESTIONS, trivia_files)),
]
