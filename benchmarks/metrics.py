#!/usr/bin/env python3
"""A thousand summaries of the length of CNN/DailyMail's, scored by metrics_bench and, where the pinned Python environment runs
this script, by rouge_score and sacreBLEU in the same run. Prints the table of docs/metrics.md.

  metrics.py BENCH    (build/release/bin/metrics_bench)
"""
import gzip
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROWS, KEPT = 1000, 0.6


def sentences():
    found = []
    with gzip.open(os.path.join(REPOSITORY, "data/sample/prose.jsonl.gz"), "rt", encoding="utf-8") as file:
        for line in file:
            for sentence in re.split(r"(?<=[.!?])\s+", json.loads(line)["text"]):
                if 10 <= len(sentence.split()) <= 26:
                    found.append(sentence)
    return found


def make_rows():
    """References of three sentences; predictions of those and a fourth, in another order, with 60 % of their words."""
    draw, pool = random.Random(1), sentences()
    words = " ".join(pool).split()
    rows = []
    for _ in range(ROWS):
        reference = [draw.choice(pool) for _ in range(3)]
        prediction = [" ".join(word if draw.random() < KEPT else draw.choice(words) for word in sentence.split())
                      for sentence in reference + [draw.choice(pool)]]
        draw.shuffle(prediction)
        rows.append(("\n".join(prediction), "\n".join(reference)))
    return rows


def milliseconds(score):
    times = []
    for _ in range(3):
        begin = time.process_time()
        score()
        times.append(1000 * (time.process_time() - begin))
    return statistics.median(times)


def of_peers(rows):
    try:
        from rouge_score import rouge_scorer
        from sacrebleu.metrics import BLEU, CHRF
    except ImportError:
        return {}
    keys = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
    plain, stems = (rouge_scorer.RougeScorer(keys, use_stemmer=stem) for stem in (False, True))
    predictions, references = [p for p, _ in rows], [[r for _, r in rows]]
    return {"rouge": milliseconds(lambda: [plain.score(r, p) for p, r in rows]),
            "rouge --stemmer": milliseconds(lambda: [stems.score(r, p) for p, r in rows]),
            "bleu": milliseconds(lambda: BLEU(force=True).corpus_score(predictions, references)),
            "chrf": milliseconds(lambda: CHRF().corpus_score(predictions, references))}


def of_regroup(rows, bench):
    with tempfile.TemporaryDirectory() as folder:
        files = [os.path.join(folder, name) for name in ("predictions.jsonl", "references.jsonl")]
        for path, key, texts in zip(files, ("output", "target"), zip(*rows)):
            with open(path, "w", encoding="utf-8") as file:
                file.writelines(json.dumps({key: text}) + "\n" for text in texts)
        out = subprocess.run([bench, *files], check=True, capture_output=True, text=True).stdout
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in out.splitlines()}


def main():
    rows = make_rows()
    words = [statistics.mean(len(text.split()) for text in column) for column in zip(*rows)]
    print(f"{ROWS} rows, {words[0]:.0f} words against {words[1]:.0f}\n")
    peers = of_peers(rows)
    print("| metric | regroup, ms | rouge_score or sacreBLEU, ms |\n|---|---|---|")
    for name, time_ms in of_regroup(rows, sys.argv[1]).items():
        print(f"| {name} | {time_ms:.0f} | {f'{peers[name]:,.0f}' if name in peers else '-'} |")


if __name__ == "__main__":
    main()
