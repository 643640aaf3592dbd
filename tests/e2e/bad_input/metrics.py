"""Files of predictions and references, and options that do not fit the metric."""
import json

from bad_input.case import HTML, edit_json, gz, make_folder, put, remove, table

BLEU = "metrics --metric bleu --predictions p.txt --references r.txt"
ROWS = "metrics --metric rouge --predictions p.jsonl --references r.jsonl"
SQUAD = "metrics --metric squad --predictions p.json --references r.json"
ANSWERS = [{"text": "red", "answer_start": 0}]


def squad(answers=None, **question):
    one = {"id": "q1", "question": "Which?", "answers": ANSWERS if answers is None else answers} | question
    return {"version": "1.1", "data": [{"title": "t", "paragraphs": [{"context": "red", "qas": [one]}]}]}


def output(*texts):
    return "".join(json.dumps({"id": n, "output": text}) + "\n" for n, text in enumerate(texts))


def target(*texts):
    return "".join(json.dumps({"id": n, "target": text}) + "\n" for n, text in enumerate(texts))


case = table(put("p.txt", "a b\nc d\n"), put("r.txt", "a b\nc e\n"), put("p.jsonl", output("a b", "c d")),
             put("r.jsonl", target("a b", "c e")), put("p.json", '{"q1": "red"}'), put("r.json", json.dumps(squad())))

CASES = [
    # Text lines
    case("predictions are missing", remove("p.txt"), BLEU, "p.txt", "No such file"),
    case("predictions are a folder", [remove("p.txt"), make_folder("p.txt")], BLEU, "p.txt", "folder"),
    case("references are empty", put("r.txt", ""), BLEU, "r.txt", "empty"),
    case("more predictions than references", put("p.txt", "a\nb\nc\n"), BLEU, "p.txt", "found 3 predictions", "2"),
    case("predictions are not UTF-8", put("p.txt", b"a\nb\xff\n"), BLEU, "p.txt:2", "UTF-8"),
    case("references in UTF-16", put("r.txt", "a b\nc d\n".encode("utf-16")), BLEU, "r.txt:1", "UTF-"),
    case("two files of references of unequal length", put("r2.txt", "a\n"), BLEU + " r2.txt", "r2.txt", "found 1 lines",
         "2"),
    case("a baseline is missing", [], BLEU + " --baseline b.txt", "b.txt"),
    case("a baseline of another length", put("b.txt", "a\n"), BLEU + " --baseline b.txt", "b.txt",
         "found 1 predictions"),
    # Rows
    case("a prediction that is no JSON", put("p.jsonl", output("a") + "{]\n"), ROWS, "p.jsonl:2", "not valid JSON"),
    case("a prediction without output", put("p.jsonl", '{"id": 0}\n'), ROWS, "p.jsonl:1", '"output"'),
    case("an output of null", put("p.jsonl", '{"id": 0, "output": null}\n'), ROWS, "p.jsonl:1", "null", "tokenizer"),
    case("rows in another order", put("r.jsonl", "".join(target("a", "b").splitlines(True)[::-1])), ROWS, "p.jsonl:1",
         "id"),
    case("a reference without a target", put("r.jsonl", target("a") + '{"id": 1}\n'), ROWS, "r.jsonl:2", "target"),
    case("a target that is a number", put("r.jsonl", target("a") + '{"id": 1, "target": 2}\n'), ROWS, "r.jsonl:2",
         "number"),
    case("a target and targets", put("r.jsonl", '{"target": "a", "targets": ["b"]}\n'), ROWS, "r.jsonl:1", "both"),
    case("a list of targets with a number", put("r.jsonl", '{"targets": ["a", 3]}\n'), ROWS, "r.jsonl:1", "targets"),
    case("rows packed with gzip", put("p.jsonl", gz(output("a", "b"))), ROWS, "p.jsonl:1"),
    case("two files of rows as references", put("r2.jsonl", target("a", "b")), ROWS + " r2.jsonl", "jsonl", "targets"),
    # SQuAD
    case("SQuAD: predictions are cut off", put("p.json", '{"q1": "re'), SQUAD, "p.json", "not valid JSON"),
    case("SQuAD: predictions are a list", put("p.json", '["red"]'), SQUAD, "p.json", "array", "question id"),
    case("SQuAD: a prediction that is a number", put("p.json", '{"q1": 5}'), SQUAD, "p.json", "q1", "number"),
    case("SQuAD: a question twice in the predictions", put("p.json", '{"q1": "a", "q1": "b"}'), SQUAD, "p.json", '"q1"',
         "twice"),
    case("SQuAD: predictions of other questions", put("p.json", '{"q7": "red"}'), SQUAD, "p.json", "none of its ids",
         "r.json"),
    case("SQuAD: references are cut off", put("r.json", json.dumps(squad())[:80]), SQUAD, "r.json", "not valid JSON"),
    case("SQuAD: references are a web page", put("r.json", HTML), SQUAD, "r.json", "web page"),
    case("SQuAD: references without data", edit_json("r.json", data=3), SQUAD, "r.json", '"data"'),
    case("SQuAD: references without articles", edit_json("r.json", data=[]), SQUAD, "json"),
    case("SQuAD: an article without paragraphs", edit_json("r.json", data=[{}]), SQUAD, "r.json: data[0]",
         '"paragraphs"'),
    case("SQuAD: a paragraph without questions", edit_json("r.json", data=[{"paragraphs": [{}]}]), SQUAD,
         "r.json: data[0].paragraphs[0]", '"qas"'),
    case("SQuAD: a question without an id", put("r.json", json.dumps(squad(id=None))), SQUAD, "paragraphs[0]", '"id"'),
    case("SQuAD: no answers, as version 2 has", put("r.json", json.dumps(squad([]))), SQUAD, "q1", "no answer"),
    case("SQuAD: answers that are a text", put("r.json", json.dumps(squad(answers="red"))), SQUAD, "q1", '"answers"'),
    case("SQuAD: predictions as text lines", [], SQUAD.replace("p.json", "p.txt"), "p.txt", "no ids"),
    # Options
    case("a metric that does not exist", [], BLEU.replace("bleu", "bluergh"), "--metric", "bluergh", "rouge"),
    case("a tokenizer that does not exist", [], BLEU + " --tokenize 14a", "--tokenize", '"14a"', "13a"),
    case("a tokenizer for ROUGE", [], ROWS + " --tokenize intl", "tokenize", "no effect"),
    case("the stemmer for BLEU", [], BLEU + " --stemmer", "stemmer", "no effect"),
    case("small letters for SQuAD", [], SQUAD + " --lowercase", "lowercase", "no effect"),
    case("resamples below nought", [], BLEU + " --bootstrap -1", "--bootstrap", "-1", "0"),
    case("too many resamples", [], BLEU + " --bootstrap 1000000000", "--bootstrap", "1000000"),
    case("no predictions", [], "metrics --metric bleu --references r.txt", "--predictions", "missing"),
    case("no metric", [], "metrics --predictions p.txt --references r.txt", "--metric", "missing"),
    case("references without a name", [], "metrics --metric bleu --predictions p.txt --references", "--references"),
]
CONTROLS = [
    case("text", [], BLEU + " --bootstrap 100 --tokenize intl --lowercase"),
    case("rows", [], ROWS + " --stemmer"),
    case("SQuAD", [], SQUAD),
    case("a baseline", put("b.txt", "a\nb\n"), BLEU + " --baseline b.txt"),
]
