#!/usr/bin/env python3
"""`regroup tokenize` and `inspect` on the vocabularies of T5, mT5, umT5 and ByT5 (the stand-ins of tests/golden/text)."""
import json
import os
import shutil
import tempfile

from regroup_cli import SOURCE, expect, main, read, run

GOLDEN = os.path.join(SOURCE, "tests", "golden", "text")
EXPECTED = json.loads(read(os.path.join(GOLDEN, "families_golden.json")))


def folder_of(family, folder):
    """Makes the tokenizer folder of a family."""
    if family == "bytes":
        config = {"tokenizer_class": "ByT5Tokenizer"}
    else:
        shutil.copy(os.path.join(GOLDEN, f"{family}.model"), os.path.join(folder, "spiece.model"))
        config = EXPECTED["families"][family]["config"]
    if config:
        with open(os.path.join(folder, "tokenizer_config.json"), "w", encoding="utf-8") as file:
            json.dump(config, file)
    return folder


def ids_of(folder, texts):
    code, out, err = run("tokenize", "encode", "--json", "--tokenizer", folder, *texts)
    expect(code == 0, err)
    return [json.loads(line) for line in out.split("\n")[:-1]]


def texts_of(folder, ids):
    code, out, err = run("tokenize", "decode", "--json", "--tokenizer", folder, *(" ".join(map(str, row)) for row in ids))
    expect(code == 0, err)
    return [json.loads(line) for line in out.split("\n")[:-1]]


def sentinels_of_every_family_have_their_ids_and_come_back():
    for family, expected in EXPECTED["families"].items():
        with tempfile.TemporaryDirectory() as name:
            folder = folder_of(family, name)
            texts = [f"<extra_id_{n}>" for n in range(expected["sentinels"])]
            ids = ids_of(folder, texts)
            expect(ids == [[i] for i in expected["ids"]], f"{family}: {ids[:3]}")
            expect(texts_of(folder, ids) == texts, family)
            code, out, err = run("inspect", folder, "--json")
            expect(code == 0, err)
            found = json.loads(out)
            expect((found["size"], found["sentinels"]) == (expected["size"], expected["sentinels"]), found)


def bytes_have_theirs():
    with tempfile.TemporaryDirectory() as name:
        folder = folder_of("bytes", name)
        cases = [case for case in EXPECTED["bytes"]["encode"] if "\0" not in case["text"] and case["text"]]
        expect(len(cases) > 10, len(cases))
        ids = ids_of(folder, [case["text"] for case in cases])
        expect(ids == [case["ids"] for case in cases], ids)
        expect(texts_of(folder, ids) == [case["text"] for case in cases], "text differs")


def a_config_that_contradicts_itself_is_refused():
    with tempfile.TemporaryDirectory() as name:
        shutil.copy(os.path.join(GOLDEN, "umt5.model"), os.path.join(name, "spiece.model"))
        with open(os.path.join(name, "tokenizer_config.json"), "w", encoding="utf-8") as file:
            json.dump({"extra_ids": 300, "additional_special_tokens": ["<extra_id_0>"]}, file)
        code, out, err = run("tokenize", "encode", "--tokenizer", name, "a")
        expect(code == 2 and not out and '"extra_ids" is 300, and 1 sentinels are listed' in err, err)


if __name__ == "__main__":
    main([sentinels_of_every_family_have_their_ids_and_come_back, bytes_have_theirs,
          a_config_that_contradicts_itself_is_refused])
