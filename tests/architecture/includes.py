"""Reads the includes under src/ and says which break the table of rooms.

Used by includes_test.py. The table is rooms.json, which CMake writes from cmake/Rooms.cmake.
"""

import json
import pathlib
import re

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
LIBTORCH = re.compile(r"^(ATen|torch|c10|caffe2)/")


def read_table(build_dir):
    return json.loads((pathlib.Path(build_dir) / "rooms.json").read_text())


def sources(source_dir):
    """(path relative to src, includes) of every source file, sorted."""
    root = pathlib.Path(source_dir) / "src"
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if path.suffix in (".h", ".cc", ".cu") and "stubs" not in relative.parts:
            yield relative, [name for _, name in INCLUDE.findall(path.read_text())]


def is_config(name):
    return pathlib.PurePath(name).stem.endswith("_config")


def table_violations(table):
    """The table itself: bottom up, and no room without LibTorch above one with it."""
    seen = {}
    for row in table:
        for below in row["deps"]:
            if below not in seen:
                yield f"{row['room']} uses {below}, which does not stand before it in the table"
            elif row["plain"] and not seen[below]:
                yield f"{row['room']} is without LibTorch but uses {below}, which has it"
        seen[row["room"]] = row["plain"]


def room_violation(table, path, included):
    """Why `path` may not include the header `included` of a room, or None."""
    rows = {row["room"]: row for row in table}
    order = [row["room"] for row in table]
    room, below = path.parts[0], included.split("/")[0]
    if below not in rows:
        return None
    if is_config(path) and below != "core" and not is_config(included):
        return "a config file includes only core and other rooms' config headers"
    if below == room or below in rows[room]["deps"]:
        return None
    if room == "recipe" and is_config(included) and order.index(below) < order.index(room):
        return None
    return f"{room} may not use {below}"


def libtorch_violation(table, path, included):
    plain = {row["room"]: row["plain"] for row in table}
    if not LIBTORCH.match(included):
        return None
    if plain[path.parts[0]]:
        return f"{path.parts[0]} is a room without LibTorch"
    if is_config(path):
        return "a config file is without LibTorch"
    if path.suffix == ".cu":
        return "a .cu file takes raw pointers, no LibTorch"
    if included in ("torch/torch.h", "torch/all.h", "torch/extension.h"):
        return "the whole of LibTorch in one header; include the narrow ones"
    if included.startswith("torch/nn") and path.parts[0] != "model":
        return "torch/nn only in model"
    return None


def library_violations(files):
    """Libraries that live in one room or one file."""
    users = {"yaml-cpp/": set(), "sentencepiece": set(), "CLI/": set()}
    for path, includes in files:
        for included in includes:
            for prefix, found in users.items():
                if included.startswith(prefix):
                    found.add(path)
    for path in sorted(users["yaml-cpp/"]):
        if path.parts[0] != "recipe":
            yield f"{path}: yaml-cpp only in recipe"
    for path in sorted(users["sentencepiece"]):
        if path.parts[0] != "text" or path.suffix != ".cc":
            yield f"{path}: SentencePiece only behind its bridge, a .cc of text"
    for prefix in ("sentencepiece", "CLI/"):
        if len(users[prefix]) > 1:
            yield f"{prefix} in more than one file: {', '.join(map(str, sorted(users[prefix])))}"


def violations(source_dir, table):
    files = list(sources(source_dir))
    found = list(table_violations(table))
    known = {row["room"] for row in table}
    for path, includes in files:
        if path.parts[0] not in known:
            found.append(f"{path}: {path.parts[0]} is no room of the table")
            continue
        for included in includes:
            for why in (room_violation(table, path, included),
                        libtorch_violation(table, path, included)):
                if why:
                    found.append(f"{path} includes {included}: {why}")
    return found + list(library_violations(files))
