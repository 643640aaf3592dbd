#!/usr/bin/env python3
"""Checks data/sample/: size, rows, splits that share nothing, notices. Run by ctest and by hand, without arguments.

The same checks are then run over broken copies made in a temporary folder: each must be found (the controls).
"""

import gzip
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SAMPLE = ROOT / "data" / "sample"
LIMIT_BYTES = 2_000_000
SPLITS = ("train", "dev", "test")
FEWEST = {"train": 2000, "dev": 200, "test": 250}
# task -> (fields that a row must have, fields that two splits may not share)
TASKS = {"titles": (("description", "synopsis"), ("description", "synopsis")),
         "en_de": (("en", "de"), ("en", "de")),
         "package_qa": (("question", "context", "answers"), ("question", "context"))}


def rows_of(path):
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def letters(text):
    """What makes two texts the same: their letters, in lower case."""
    return re.sub(r"[\W\d_]+", " ", text).strip().lower()


def check_size(folder):
    total = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return [f"{total} bytes in {folder.name}, at most {LIMIT_BYTES}"] if total > LIMIT_BYTES else []


def check_rows(folder):
    problems = []
    for task, (fields, _) in TASKS.items():
        for split in SPLITS:
            rows = rows_of(folder / task / f"{split}.jsonl.gz")
            if len(rows) < FEWEST[split]:
                problems.append(f"{task}/{split}: {len(rows)} rows, at least {FEWEST[split]}")
            problems += [f"{task}/{split} row {number}: no {field}"
                         for number, row in enumerate(rows) for field in fields if not row.get(field)]
    for name in ("prose", "prose_heldout"):
        problems += [f"{name} row {number}: no text" for number, row in enumerate(rows_of(folder / f"{name}.jsonl.gz"))
                     if not row.get("text", "").strip()]
    return problems


def check_answers(folder):
    """Every answer stands word for word in its context."""
    return [f"package_qa/{split} row {number}: {answer!r} is not in the context"
            for split in SPLITS for number, row in enumerate(rows_of(folder / "package_qa" / f"{split}.jsonl.gz"))
            for answer in row["answers"] if answer not in row["context"]]


def check_splits(folder):
    problems = []
    for task, (_, fields) in TASKS.items():
        for field in fields:
            seen = {}
            for split in SPLITS:
                for row in rows_of(folder / task / f"{split}.jsonl.gz"):
                    text = letters(row[field])
                    if seen.setdefault(text, split) != split:
                        problems.append(f"{task}: {field} in {seen[text]} and {split}: {row[field]!r}")
    return problems


def check_prose(folder):
    """Held-out documents share no paragraph with the training prose, and prose holds no dev or test text."""
    training = {letters(part) for row in rows_of(folder / "prose.jsonl.gz") for part in row["text"].split("\n")}
    held_out = [part for row in rows_of(folder / "prose_heldout.jsonl.gz") for part in row["text"].split("\n")]
    problems = [f"prose_heldout: also in prose: {part[:60]!r}" for part in held_out if letters(part) in training]
    for task, field in (("titles", "description"), ("en_de", "en"), ("en_de", "de")):
        for split in ("dev", "test"):
            problems += [f"prose: holds {task}/{split} {field}: {row[field][:60]!r}"
                         for row in rows_of(folder / task / f"{split}.jsonl.gz") if letters(row[field]) in training]
    return problems


def check_notice(folder):
    """NOTICE.md names every source of the rows, and every licence has its text."""
    notice = (folder / "NOTICE.md").read_text("utf-8")
    sources = {row["source"] for name in ("prose", "prose_heldout") for row in rows_of(folder / f"{name}.jsonl.gz")}
    problems = [f"NOTICE.md does not name {source}" for source in sorted(sources) if f"| {source} |" not in notice]
    texts = {path.stem for path in (folder / "licences").glob("*.txt")}
    named = {"MPL-2.0", "Artistic", "PostgreSQL", "BSD-3-Clause"}
    return problems + [f"licences/ has no {name}" for name in sorted(named - texts) if name in notice]


CHECKS = (check_size, check_rows, check_answers, check_splits, check_prose, check_notice)


def put_rows(path, rows):
    with gzip.open(path, "wt", encoding="utf-8") as out:
        out.writelines(json.dumps(row) + "\n" for row in rows)


def add_row(name, row_from):
    """A breakage: appends to file `name` the row that row_from(folder) gives."""
    def breakage(folder):
        put_rows(folder / name, rows_of(folder / name) + [row_from(folder)])
    return breakage


def drop_source(folder):
    notice = folder / "NOTICE.md"
    notice.write_text(notice.read_text("utf-8").replace("| perl-doc |", "| another |"), "utf-8")


CONTROLS = (
    (check_size, lambda folder: (folder / "extra.bin").write_bytes(b"\0" * LIMIT_BYTES)),
    (check_rows, add_row("titles/test.jsonl.gz", lambda folder: {"description": "no synopsis here"})),
    (check_answers, add_row("package_qa/dev.jsonl.gz", lambda folder: {
        "question": "q", "context": "nothing of it", "answers": ["elsewhere"]})),
    (check_splits, add_row("en_de/test.jsonl.gz", lambda folder: rows_of(folder / "en_de/train.jsonl.gz")[0])),
    (check_prose, add_row("prose_heldout.jsonl.gz", lambda folder: rows_of(folder / "prose.jsonl.gz")[0])),
    (check_prose, add_row("prose.jsonl.gz", lambda folder: {
        "text": rows_of(folder / "titles/test.jsonl.gz")[0]["description"], "source": "perl-doc"})),
    (check_notice, drop_source),
)


def main():
    failures = [f"{check.__name__}: {problem}" for check in CHECKS for problem in check(SAMPLE)]
    for number, (check, breakage) in enumerate(CONTROLS):
        with tempfile.TemporaryDirectory() as scratch:
            broken = Path(scratch) / "sample"
            shutil.copytree(SAMPLE, broken)
            breakage(broken)
            if not check(broken):
                failures.append(f"control {number}: {check.__name__} did not find what was broken")
    for failure in failures[:40]:
        print(f"FAILED {failure}")
    print(f"{len(CHECKS)} checks, {len(CONTROLS)} controls, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
