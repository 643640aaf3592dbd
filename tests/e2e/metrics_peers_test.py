#!/usr/bin/env python3
"""`regroup metrics` beside the field's scorers, on thousands of real and hostile rows: sacreBLEU, rouge_score, the written-out
rules of SQuAD v1.1 and TriviaQA, and sacreBLEU's paired bootstrap test.

Needs the pinned Python environment (scripts/setup --peers); exit code 77 (skipped) without it. A row that is off by 1e-4 moves
the mean over its set by more than the tolerance.
"""
import gzip
import json
import os
import random
import sys
import tempfile
import unicodedata

PYTHON = os.environ.get("REGROUP_PEERS_PYTHON", "")
if not PYTHON:
    print("skipped: no Python environment (scripts/setup --peers)")
    sys.exit(77)
if os.environ.get("REGROUP_IN_PEERS") != "1":
    os.environ["REGROUP_IN_PEERS"] = "1"
    os.execv(PYTHON, [PYTHON] + sys.argv)

from regroup_cli import SOURCE, expect, main, run  # noqa: E402

sys.path.insert(0, os.path.join(SOURCE, "tests/golden/metrics"))
import make_metrics_golden as oracle  # noqa: E402
from rouge_score import rouge_scorer  # noqa: E402
from sacrebleu.metrics import BLEU  # noqa: E402
from sacrebleu.significance import PairedTest  # noqa: E402

TOLERANCE = 1e-8
ROWS = 2000


def sample_texts(name, field):
    with gzip.open(os.path.join(SOURCE, "data/sample", name), "rt", encoding="utf-8") as file:
        return [json.loads(line)[field] for line in file]


def noisy(draw, text, vocabulary, strength=0.3):
    """Words dropped, replaced, doubled, in capitals or with another ending; lines broken and joined."""
    out = []
    for word in text.replace("\n", " \n ").split(" "):
        chance = draw.random() / strength
        if chance < 0.3:
            out.append(draw.choice(vocabulary))
        elif chance < 0.45:
            out.append(word.upper())
        elif chance < 0.6:
            out.append(word + draw.choice(oracle.ENDINGS))
        elif chance < 0.7:
            out += [word, word]
        elif chance >= 0.8:
            out.append(word)
    return " ".join(out).replace(" \n ", "\n")


def real_rows(draw):
    """German sentences, titles, answers, and passages of prose that the other cases make multi-line."""
    prose = sample_texts("prose.jsonl.gz", "text")
    texts = (sample_texts("en_de/train.jsonl.gz", "de")[:800] + sample_texts("titles/test.jsonl.gz", "synopsis")
             + sample_texts("package_qa/train.jsonl.gz", "answers")[:400] + [text[:600] for text in prose[:800]])
    vocabulary = " ".join(prose[:50]).split() + ["the", "a", "an", "\n"]
    rows = []
    for text in texts[:ROWS]:
        text = text[0] if isinstance(text, list) else text
        references = [text] + [noisy(draw, text, vocabulary) for _ in range(draw.choice([0, 0, 1, 2]))]
        rows.append((noisy(draw, text, vocabulary), references))
    return rows


def assigned(draw, low, high):
    while True:
        point = draw.randrange(low, high)
        if unicodedata.category(chr(point)) not in ("Cn", "Cs"):
            return chr(point)


def hostile_text(draw):
    kind, length = draw.randrange(7), draw.randrange(0, 40)
    if kind == 0:
        return "".join(assigned(draw, 0, 0x110000) for _ in range(length))
    if kind == 1:
        return "".join(assigned(draw, 0, 0x2700) for _ in range(length))
    if kind == 2:
        return "".join(draw.choice(".,-'\"!?;:()[]{}<>&%$#@*/\\|~^_`+=‘’´…–—") for _ in range(length))
    if kind == 3:
        return "".join(draw.choice("0123456789.,- ") for _ in range(length))
    if kind == 4:
        return draw.choice(["", " ", "\n", "\t \n", "\x85", "\u3000", ".", "the", "a an the"])
    return "".join(draw.choice(oracle.WORDS) + draw.choice(oracle.SPACES) for _ in range(length))


def hostile_rows(draw):
    rows = [(oracle.FIXED[i][0], oracle.FIXED[i][1]) for i in range(len(oracle.FIXED))]
    rows.append(("long words of many kinds repeat here . " * 200 + "\n" + "x" * 5000, ["long kinds of words here " * 220]))
    while len(rows) < ROWS:
        base = hostile_text(draw)
        cut = draw.randrange(len(base) + 1)
        near = [base, base[cut:], base[:cut] + hostile_text(draw), base.lower(), base.upper(), hostile_text(draw)]
        rows.append((draw.choice(near), [draw.choice(near) for _ in range(draw.choice([1, 1, 2, 4]))]))
    return rows


SETS = {"real": real_rows(random.Random(1)), "hostile": hostile_rows(random.Random(2))}


def regroup(*arguments):
    code, out, err = run("metrics", *arguments, "--json")
    expect(code == 0, f"{arguments}: exit {code}\n{err}")
    return json.loads(out)


def write_lines(folder, name, lines):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(line + "\n" for line in lines)
    return path


def scored(rows, *options):
    with tempfile.TemporaryDirectory() as folder:
        predictions = write_lines(folder, "p.jsonl", [json.dumps({"output": p}) for p, _ in rows])
        references = write_lines(folder, "r.jsonl", [json.dumps({"targets": r}) for _, r in rows])
        return regroup("--predictions", predictions, "--references", references, *options)


WORST = [0.0]


def compare(found, expected, what):
    for key, value in expected.items():
        if isinstance(value, (list, tuple)):
            compare(dict(enumerate(found[key])), dict(enumerate(value)), f"{what} {key}")
        elif isinstance(value, str):
            expect(found[key] == value, f"{what}: {key} is {found[key]!r}, expected {value!r}")
        else:
            WORST[0] = max(WORST[0], abs(found[key] - value))
            expect(abs(found[key] - value) <= TOLERANCE, f"{what}: {key} is {found[key]!r}, expected {value!r}")


def split(rows):
    return [p for p, _ in rows], [r for _, r in rows]


def bleu_equals_sacrebleu():
    for name, rows in SETS.items():
        for tokenize in oracle.TOKENIZERS:
            for lower in (False, True):
                expected = oracle.bleu_of(*split(rows), tokenize, lower)
                found = scored(rows, "--metric", "bleu", "--tokenize", tokenize, *(["--lowercase"] if lower else []))
                compare(found, expected, f"{name} {tokenize} lower={lower}")
        fewer = scored(rows[:-50], "--metric", "bleu")["bleu"]
        expect(abs(fewer - oracle.bleu_of(*split(rows), "13a", False)["bleu"]) > TOLERANCE, "control: other rows give another score")


def chrf_equals_sacrebleu():
    for name, rows in SETS.items():
        for lower in (False, True):
            found = scored(rows, "--metric", "chrf", *(["--lowercase"] if lower else []))
            compare(found, oracle.chrf_of(*split(rows), lower), f"{name} lower={lower}")


def rouge_equals_rouge_score():
    for name, rows in SETS.items():
        for stem in (False, True):
            scorer = rouge_scorer.RougeScorer(oracle.ROUGE_KEYS, use_stemmer=stem)
            scores = [oracle.rouge_of(scorer, p, r, False) for p, r in rows]
            means = [sum(column) / len(rows) for column in zip(*scores)]
            found = scored(rows, "--metric", "rouge", *(["--stemmer"] if stem else []))
            compare(found, dict(zip(oracle.ROUGE_KEYS, means)), f"{name} stem={stem}")


def answers_equal_the_written_out_rules():
    for name, rows in SETS.items():
        for metric in ("squad", "trivia_qa"):
            scores = [oracle.answer_scores(p, r, metric == "trivia_qa") for p, r in rows]
            means = [100 * sum(column) / len(rows) for column in zip(*scores)]
            compare(scored(rows, "--metric", metric), dict(zip(("exact_match", "f1"), means)), f"{name} {metric}")


def equality_counts_equal_strings():
    for name, rows in SETS.items():
        expected = 100 * sum(p in r for p, r in rows) / len(rows)
        for metric in ("accuracy", "exact_match"):
            compare(scored(rows, "--metric", metric), {metric: expected}, f"{name} {metric}")


def lines_with_several_reference_files_equal_sacrebleu():
    rows = [(p, (r * 2)[:2]) for p, r in SETS["real"] + SETS["hostile"] if not any("\n" in t or "\r" in t for t in [p] + r)]
    expect(len(rows) > ROWS, len(rows))
    with tempfile.TemporaryDirectory() as folder:
        files = [write_lines(folder, "p.txt", [p for p, _ in rows])]
        files += [write_lines(folder, f"r{k}.txt", [r[k] for _, r in rows]) for k in range(2)]
        paths = ("--predictions", files[0], "--references", *files[1:])
        compare(regroup("--metric", "bleu", *paths), oracle.bleu_of(*split(rows), "13a", False), "lines")
        compare(regroup("--metric", "chrf", *paths), oracle.chrf_of(*split(rows), False), "lines")


def squad_json_with_missing_predictions_equals_the_written_out_rules():
    rows = SETS["real"] + SETS["hostile"]
    questions = [{"id": f"q{i}", "question": "?", "answers": [{"text": t, "answer_start": 0} for t in r]}
                 for i, (_, r) in enumerate(rows)]
    scores = [[0.0, 0.0] if i % 7 == 3 else oracle.answer_scores(p, r, False) for i, (p, r) in enumerate(rows)]
    means = [100 * sum(column) / len(rows) for column in zip(*scores)]
    with tempfile.TemporaryDirectory() as folder:
        data = {"version": "1.1", "data": [{"title": "t", "paragraphs": [{"context": "c", "qas": questions[i::3]}]} for i in range(3)]}
        references = write_lines(folder, "r.json", [json.dumps(data)])
        answers = {f"q{i}": p for i, (p, _) in enumerate(rows) if i % 7 != 3}
        predictions = write_lines(folder, "p.json", [json.dumps(answers)])
        found = regroup("--metric", "squad", "--predictions", predictions, "--references", references)
        compare(found, {"exact_match": means[0], "f1": means[1]}, "SQuAD JSON")


def paired_p_values_agree_with_sacrebleus():
    """Both draw at random, so that p-values agree to five standard errors; the scores agree exactly."""
    samples, draw = 3000, random.Random(4)
    texts = sample_texts("en_de/train.jsonl.gz", "de")[:500]
    vocabulary = " ".join(texts).split()
    systems = {strength: [noisy(draw, text, vocabulary, strength) for text in texts] for strength in (0.3, 0.301, 0.31, 0.33, 0.5)}
    baseline, seen = systems.pop(0.3), []
    for strength, system in systems.items():
        test = PairedTest([("baseline", baseline), ("system", system)], {"BLEU": BLEU(references=[texts])}, None, "bs", samples)
        expected = test()[1]["BLEU"]
        with tempfile.TemporaryDirectory() as folder:
            files = [write_lines(folder, name, lines) for name, lines in (("a", system), ("b", baseline), ("r", texts))]
            found = regroup("--metric", "bleu", "--predictions", files[0], "--baseline", files[1], "--references", files[2],
                            "--bootstrap", str(samples))
        compare(found, {"bleu": expected[1].score, "resamples": samples}, f"system {strength}")
        compare(found["baseline"], {"bleu": expected[0].score}, "baseline")
        p, theirs = found["paired"]["bleu"]["p_value"], expected[1].p_value
        print(f"        difference {found['paired']['bleu']['difference']:+.3f}: p {p:.4f}, sacreBLEU {theirs:.4f}")
        expect(abs(p - theirs) <= 5 * (2 * max(p, 0.002) * (1 - p) / samples) ** 0.5 + 1e-3, f"p {p}, sacreBLEU {theirs}")
        seen.append(p)
    print(f"        largest difference of a score in all tests: {WORST[0]:.1e}")
    expect(min(seen) < 0.01 < 0.1 < max(seen), f"the systems should differ clearly and not: {seen}")


if __name__ == "__main__":
    main([bleu_equals_sacrebleu, chrf_equals_sacrebleu, rouge_equals_rouge_score, answers_equal_the_written_out_rules,
          equality_counts_equal_strings, lines_with_several_reference_files_equal_sacrebleu,
          squad_json_with_missing_predictions_equals_the_written_out_rules, paired_p_values_agree_with_sacrebleus])
