#!/usr/bin/env python3
"""Folders with pytorch_model.bin: every command reads them as it reads safetensors, and a file that would run a command
is refused by all of them, with nothing run and nothing written."""
import json
import os
import shutil
import tempfile

from regroup_cli import SOURCE, expect, main, run

FOLDERS = os.path.join(SOURCE, "tests/golden/checkpoint/transformers5")
PAIRS = (("v1_0_archive", "v1_0"), ("v1_1_legacy", "v1_1"), ("v1_1_bf16_pickled_shards", "v1_1_bf16_shards"))


def commands(model, folder):
    rows = os.path.join(folder, "rows.jsonl")
    with open(rows, "w", encoding="utf-8") as file:
        file.write('{"input_ids": [3, 4, 5, 1], "target_ids": [6, 7, 1]}\n{"input_ids": [9, 1], "target_ids": [8, 1]}\n')
    return {
        "inspect": ("inspect", model, "--json"),
        "score": ("score", "--model", model, "--data", rows, "--json"),
        "generate": ("generate", "--model", model, "--data", rows, "--max-length", 5),
        "convert": ("convert", "--from", model, "--to", os.path.join(folder, "converted"), "--kv-heads", 1),
    }


def results(model):
    """What the commands say of a folder, without the folder's own name."""
    with tempfile.TemporaryDirectory() as folder:
        said = {}
        for name, arguments in commands(model, folder).items():
            code, out, err = run(*arguments)
            expect(code == 0, f"{name} {model}: {err}")
            said[name] = out
        inspected = json.loads(said.pop("inspect"))
        with open(os.path.join(folder, "converted/model.safetensors"), "rb") as file:
            converted = file.read()
        return {"hash": inspected["weights_hash"], "tensors": inspected["tensors"], "score": said["score"],
                "generate": said["generate"], "converted": converted}


def pickled_weights_are_read_as_safetensors_are():
    for pickled, safe in PAIRS:
        expect(results(os.path.join(FOLDERS, pickled)) == results(os.path.join(FOLDERS, safe)), pickled)


def a_file_that_would_run_a_command_is_refused_by_every_command():
    for kind in ("refused", "refused_legacy"):
        with tempfile.TemporaryDirectory() as folder:
            model = os.path.join(folder, "model")
            os.mkdir(model)
            shutil.copy(os.path.join(FOLDERS, "v1_0/config.json"), model)
            shutil.copy(os.path.join(SOURCE, "tests/golden/formats", kind, "command.bin"),
                        os.path.join(model, "pytorch_model.bin"))
            for name, arguments in commands(model, folder).items():
                code, out, err = run(*arguments, cwd=folder)
                expect(code == 2 and out == "", f"{name}: exit {code}")
                expect("posix.system" in err and err.count("\n") == 1, err)
            expect(sorted(os.listdir(folder)) == ["model", "rows.jsonl"], os.listdir(folder))


def a_file_alone_can_be_inspected():
    code, out, err = run("inspect", os.path.join(FOLDERS, "v1_0_archive/pytorch_model.bin"), "--json")
    expect(code == 0, err)
    found = json.loads(out)
    expect(found["kind"] == "tensors" and len(found["tensors"]) == 42, len(found["tensors"]))
    names = {tensor["name"] for tensor in found["tensors"]}
    expect({"shared.weight", "encoder.embed_tokens.weight", "lm_head.weight"} <= names, names)


def safetensors_come_first_and_the_log_says_so():
    with tempfile.TemporaryDirectory() as folder:
        model = shutil.copytree(os.path.join(FOLDERS, "v1_0"), os.path.join(folder, "model"))
        shutil.copy(os.path.join(SOURCE, "tests/golden/formats/refused/command.bin"),
                    os.path.join(model, "pytorch_model.bin"))
        code, _, err = run("inspect", model)
        expect(code == 0 and "reads model.safetensors, not pytorch_model.bin beside it" in err, err)


if __name__ == "__main__":
    main([pickled_weights_are_read_as_safetensors_are, a_file_that_would_run_a_command_is_refused_by_every_command,
          a_file_alone_can_be_inspected, safetensors_come_first_and_the_log_says_so])
