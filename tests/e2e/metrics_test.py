"""`regroup metrics` as its contract has it: files, keys, intervals, two systems against each other, errors."""

import json
import os
import tempfile

from regroup_cli import expect, main, run

REFERENCES = [f"the {n} small models read many texts of every kind and write {n} words" for n in range(60)]
GOOD = [line if n % 3 else line.replace("many", "some") for n, line in enumerate(REFERENCES)]
POOR = [line.replace("small", "big").replace("read many", "write") for line in REFERENCES]
KEYS = {
    "bleu": ["bleu", "signature", "precisions", "brevity_penalty"],
    "chrf": ["chrf", "signature"],
    "rouge": ["rouge1", "rouge2", "rougeL", "rougeLsum"],
    "squad": ["exact_match", "f1"],
    "trivia_qa": ["exact_match", "f1"],
    "accuracy": ["accuracy"],
    "exact_match": ["exact_match"],
}


def write(folder, name, content):
    with open(os.path.join(folder, name), "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    return name


def lines(folder, name, texts):
    return write(folder, name, "".join(text + "\n" for text in texts))


def rows(folder, name, items):
    return lines(folder, name, [json.dumps(item) for item in items])


def scored(folder, metric, *arguments):
    code, out, err = run("metrics", "--metric", metric, *arguments, "--json", cwd=folder)
    expect(code == 0 and err == "", f"{metric} {arguments}: exit {code}\n{err}")
    expect(out.count("\n") == 1, out)
    return json.loads(out)


def refused(folder, arguments, *parts):
    code, out, err = run("metrics", *arguments, cwd=folder)
    expect(code == 2, f"{arguments}: exit {code}, expected 2\n{err}")
    expect(out == "", f"{arguments}: found {out!r} on stdout")
    expect(err.count("\n") == 1, f"{arguments}: expected one line, found\n{err}")
    for part in parts:
        expect(part in err, f"{arguments}: {part!r} is not in\n{err}")


def every_metric_has_exactly_its_keys():
    with tempfile.TemporaryDirectory() as folder:
        files = ["--predictions", lines(folder, "p.txt", GOOD), "--references", lines(folder, "r.txt", REFERENCES)]
        for metric, keys in KEYS.items():
            plain = scored(folder, metric, *files)
            expect(list(plain) == keys, f"{metric}: {list(plain)}")
            values = [key for key in keys if key not in ("signature", "precisions", "brevity_penalty")]
            expect(all(0 < plain[key] < 100 for key in values), plain)
            bounds = scored(folder, metric, *files, "--bootstrap", "200")
            expect(list(bounds) == keys + ["interval"] and list(bounds["interval"]) == values, bounds)
            expect(all(bounds["interval"][key][0] < plain[key] < bounds["interval"][key][1] for key in values), bounds)
            expect(scored(folder, metric, *files, "--bootstrap", "200") == bounds, "the same seed, the same intervals")
            expect(scored(folder, metric, *files, "--bootstrap", "200", "--seed", "1") != bounds, "another seed")


def options_change_the_signature_and_the_score():
    with tempfile.TemporaryDirectory() as folder:
        files = ["--predictions", lines(folder, "p.txt", ["Die Katze („Mia“) kostet 3,5 € im Haus"]),
                 "--references", lines(folder, "r.txt", ["die Katze („Mia”) kostet 3,5 € im Haus"])]
        expect(scored(folder, "bleu", *files)["signature"] == "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0", "13a")
        seen = set()
        for tokenize in ("13a", "intl", "char", "none"):
            for case in ([], ["--lowercase"]):
                found = scored(folder, "bleu", *files, "--tokenize", tokenize, *case)
                expect(f"|tok:{tokenize}|" in found["signature"] and f"|case:{'lc' if case else 'mixed'}|" in found["signature"], found)
                seen.add(round(found["bleu"], 6))
        expect(len(seen) >= 6, seen)
        stems = ["--predictions", lines(folder, "s.txt", ["running models"]), "--references", lines(folder, "t.txt", ["runs model"])]
        expect(scored(folder, "rouge", *stems)["rouge1"] == 0, "words as they are")
        expect(scored(folder, "rouge", *stems, "--stemmer")["rouge1"] > 99, "stems")


def all_kinds_of_files_give_the_same_score():
    with tempfile.TemporaryDirectory() as folder:
        lines(folder, "p.txt", GOOD)
        lines(folder, "r.txt", REFERENCES)
        lines(folder, "s.txt", POOR)
        rows(folder, "p.jsonl", [{"id": f"q{n}", "output_ids": [1], "output": text, "score": -1, "finish": "eos"}
                                 for n, text in enumerate(GOOD)])
        rows(folder, "r.jsonl", [{"id": f"q{n}", "input": "i", "targets": [a, b]} for n, (a, b) in enumerate(zip(REFERENCES, POOR))])
        rows(folder, "one.jsonl", [{"id": f"q{n}", "input": "i", "target": text} for n, text in enumerate(REFERENCES)])
        write(folder, "p.json", json.dumps({f"q{n}": text for n, text in reversed(list(enumerate(GOOD)))}))
        questions = [{"id": f"q{n}", "question": "?", "answers": [{"text": a, "answer_start": 0}, {"text": b, "answer_start": 0}]}
                     for n, (a, b) in enumerate(zip(REFERENCES, POOR))]
        write(folder, "r.json", json.dumps({"version": "1.1", "data": [{"title": "t", "paragraphs": [{"context": "c", "qas": questions}]}]}))
        for metric in ("bleu", "rouge", "squad"):
            expected = scored(folder, metric, "--predictions", "p.txt", "--references", "r.txt", "s.txt")
            for predictions, references in (("p.jsonl", "r.jsonl"), ("p.json", "r.json"), ("p.jsonl", "r.json"), ("p.json", "r.jsonl")):
                found = scored(folder, metric, "--predictions", predictions, "--references", references)
                expect(found == expected, f"{metric} {predictions} {references}: {found}, expected {expected}")
        one = scored(folder, "bleu", "--predictions", "p.txt", "--references", "r.txt")
        expect(scored(folder, "bleu", "--predictions", "p.jsonl", "--references", "one.jsonl") == one, "target and line")
        expect(scored(folder, "bleu", "--predictions", "p.txt", "--references", "r.txt", "--references", "s.txt")["signature"]
               .startswith("nrefs:2|"), "one --references for each file")


def a_missing_answer_is_wrong_and_an_unknown_one_left_aside():
    with tempfile.TemporaryDirectory() as folder:
        questions = [{"id": "a", "answers": [{"text": "The"}]}, {"id": "b", "answers": [{"text": "two"}]}]
        write(folder, "r.json", json.dumps({"data": [{"paragraphs": [{"qas": questions}]}]}))
        write(folder, "p.json", json.dumps({"b": "two!", "c": "unasked"}))
        files = ["--predictions", "p.json", "--references", "r.json"]
        expect(scored(folder, "squad", *files) == {"exact_match": 50, "f1": 50}, "missing = wrong")
        write(folder, "p.json", json.dumps({"a": "an", "b": "three"}))
        expect(scored(folder, "squad", *files) == {"exact_match": 50, "f1": 0}, "nothing shared = 0")
        write(folder, "p.json", json.dumps({"b": "two"}))
        refused(folder, ["--metric", "bleu", *files], "row 0", "has no prediction")


def two_systems_are_compared_row_by_row():
    with tempfile.TemporaryDirectory() as folder:
        lines(folder, "good.txt", GOOD)
        lines(folder, "poor.txt", POOR)
        lines(folder, "r.txt", REFERENCES)
        for metric in ("bleu", "rouge", "squad", "accuracy"):
            files = ["--references", "r.txt"]
            alone = scored(folder, metric, "--predictions", "good.txt", *files)
            both = scored(folder, metric, "--predictions", "good.txt", "--baseline", "poor.txt", *files)
            expect(list(both) == list(alone) + ["baseline", "paired", "resamples"] and both["resamples"] == 1000, both)
            expect({key: both[key] for key in alone} == alone, "the system's score is what it is alone")
            expect(both["baseline"] == scored(folder, metric, "--predictions", "poor.txt", *files), "so is the baseline's")
            for key, paired in both["paired"].items():
                expect(list(paired) == ["difference", "interval", "p_value"], paired)
                expect(abs(paired["difference"] - (alone[key] - both["baseline"][key])) < 1e-9, paired)
                expect(0 < paired["interval"][0] < paired["difference"] < paired["interval"][1], paired)
                expect(paired["p_value"] < 0.01, f"{metric}: a clearly better system, {paired}")
            same = scored(folder, metric, "--predictions", "good.txt", "--baseline", "good.txt", *files, "--bootstrap", "50")
            expect(same["resamples"] == 50 and "interval" in same and "interval" in same["baseline"], same)
            for paired in same["paired"].values():
                expect(paired == {"difference": 0, "interval": [0, 0], "p_value": 1}, f"{metric}: a system against itself, {paired}")
        code, out, err = run("metrics", "--metric", "bleu", "--predictions", "good.txt", "--baseline", "poor.txt", "--references",
                             "r.txt", cwd=folder)
        expect(code == 0 and "difference" in out and "1000 resamples" in out and "signature" in out, out + err)


def faults_of_files_are_named_in_one_line():
    with tempfile.TemporaryDirectory() as folder:
        lines(folder, "p.txt", ["a b", "c"])
        lines(folder, "r.txt", ["a b", "c"])
        lines(folder, "short.txt", ["a b"])
        write(folder, "latin.txt", b"fine\ncaf\xe9\n")
        write(folder, "empty.txt", b"")
        write(folder, "broken.jsonl", '{"output": "a"}\n{"output": \n')
        rows(folder, "null.jsonl", [{"output": "a"}, {"output": None}])
        rows(folder, "p.jsonl", [{"output": "a"}, {"id": 7, "output": "b"}])
        rows(folder, "r.jsonl", [{"target": "a"}, {"target": "b"}])
        rows(folder, "ids.jsonl", [{"target_ids": [1]}, {"target_ids": [1]}])
        before = sorted(os.listdir(folder))

        def wrong(predictions, references, *parts):
            refused(folder, ["--metric", "bleu", "--predictions", predictions, "--references", references], *parts)

        wrong("p.txt", "short.txt", "p.txt", "2 predictions", "short.txt has 1 rows")
        wrong("p.txt", "none.txt", "none.txt")
        wrong("latin.txt", "r.txt", "latin.txt:2", "UTF-8")
        wrong("empty.txt", "r.txt", "empty.txt", "empty")
        wrong("broken.jsonl", "r.txt", "broken.jsonl:2", "JSON")
        wrong("null.jsonl", "r.txt", "null.jsonl:2", "null")
        wrong("p.jsonl", "r.jsonl", "p.jsonl:2", "the id 7", "r.jsonl:2")
        wrong("p.txt", "ids.jsonl", "ids.jsonl:1", "target")
        wrong("p.txt", ".", "error")
        files = ["--predictions", "p.txt", "--references", "r.txt"]
        refused(folder, ["--metric", "bleu", *files, "--baseline", "short.txt"], "short.txt", "1 predictions", "2 rows")
        refused(folder, ["--metric", "bleu", *files, "--baseline", "none.txt"], "none.txt")
        refused(folder, ["--metric", "bleu", *files, "short.txt"], "short.txt", "1 lines")
        refused(folder, ["--metric", "bleu", *files, "--stemmer"], "stemmer", "no effect on bleu")
        refused(folder, ["--metric", "rouge", *files, "--tokenize", "intl"], "tokenize", "no effect on rouge")
        refused(folder, ["--metric", "squad", *files, "--lowercase"], "lowercase", "no effect on squad")
        refused(folder, ["--metric", "bleu", *files, "--bootstrap", "-1"], "bootstrap")
        refused(folder, ["--metric", "bleu", *files, "--tokenize", "zh"], "zh", "13a")
        expect(sorted(os.listdir(folder)) == before, "something was written")


if __name__ == "__main__":
    main([every_metric_has_exactly_its_keys, options_change_the_signature_and_the_score, all_kinds_of_files_give_the_same_score,
          a_missing_answer_is_wrong_and_an_unknown_one_left_aside, two_systems_are_compared_row_by_row,
          faults_of_files_are_named_in_one_line])
