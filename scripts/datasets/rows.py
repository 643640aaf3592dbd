"""Rows on disk and the rule that puts a row into train, dev or test. Used by every data script."""

import gzip
import hashlib
import json
import os
import re
from pathlib import Path

SPLITS = ("train", "dev", "test")


def stable_hash(text):
    """A number that is the same on every machine and run (unlike hash())."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "big")


def split_of(key, held_out_percent=4):
    """test and dev get `held_out_percent` of the keys each, by hash, the rest is train."""
    bucket = stable_hash("split:" + key) % 100
    if bucket < held_out_percent:
        return "test"
    return "dev" if bucket < 2 * held_out_percent else "train"


def plain(text):
    """Text reduced to its letters in lower case: two texts with equal plain form count as the same."""
    return re.sub(r"[\W\d_]+", " ", text).strip().lower()


def into_splits(rows, key_of):
    """{split: rows}, by the hash of key_of(row)."""
    parts = {split: [] for split in SPLITS}
    for row in rows:
        parts[split_of(key_of(row))].append(row)
    return parts


def drop_shared(parts, fields):
    """Removes from dev what train has and from test what train or dev have, in any one of `fields`."""
    kept, seen = {}, {field: set() for field in fields}
    for split in SPLITS:
        kept[split] = [row for row in parts[split]
                       if not any(plain(row[field]) in seen[field] for field in fields)]
        for field in fields:
            seen[field].update(plain(row[field]) for row in kept[split])
    return kept


def write_jsonl(path, rows):
    """Writes rows (gzip by name, without time or name inside) aside and renames; returns their number."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode("utf-8")
    partial = path.with_name(path.name + ".partial")
    with open(partial, "wb") as out:
        if path.suffix == ".gz":
            with gzip.GzipFile(filename="", fileobj=out, mode="wb", compresslevel=9, mtime=0) as packed:
                packed.write(data)
        else:
            out.write(data)
        out.flush()
        os.fsync(out.fileno())
    partial.rename(path)
    return len(rows)


def read_jsonl(path):
    """The rows of a .jsonl or .jsonl.gz file; a bad line is a ValueError with file and line."""
    opener = gzip.open if str(path).endswith(".gz") else open
    rows = []
    with opener(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError as error:
                raise ValueError(f"{path}:{number}: not a JSON row: {error}") from error
    return rows
