#!/usr/bin/env python3
"""Event files of a stage that was killed and went on, read by TensorBoard's own reader: the steps and numbers of
metrics.jsonl, each once. Needs the pinned Python environment (scripts/setup --peers)."""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

from regroup_cli import expect, killed_after, main, run, write_tiny


def scalars(folder):
    """{tag: {step: value}} as TensorBoard's EventAccumulator finds them."""
    program = """
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
reader = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
reader.Reload()
print(json.dumps({tag: [[e.step, e.value] for e in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}))
"""
    done = subprocess.run([os.environ["REGROUP_PEERS_PYTHON"], "-c", program, folder], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    for tag, points in found.items():
        expect(len({step for step, _ in points}) == len(points), f"{tag}: a step stands twice: {points}")
    return {tag: dict(points) for tag, points in found.items()}


def logged(folder):
    """The same from metrics.jsonl."""
    found = {}
    with open(os.path.join(folder, "metrics.jsonl"), encoding="utf-8") as file:
        for line in map(json.loads, file):
            values = {f"validation/{key}": value for key, value in line.get("validation", {}).items()} or \
                {f"train/{key}": value for key, value in line.items() if key not in ("stage", "step", "steps", "time")}
            for tag, value in values.items():
                found.setdefault(tag, {})[line["step"]] = value
    return found


def close(a, b):
    return a.keys() == b.keys() and all(
        a[tag].keys() == b[tag].keys() and all(abs(a[tag][s] - b[tag][s]) <= 1e-6 * abs(b[tag][s]) for s in a[tag]) for tag in b)


def tensorboard_reads_what_metrics_jsonl_holds():
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["run", write_tiny(folder), "--out", f"{folder}/out", "--only", "tokenizer", "--only", "parent", "--set",
                     "stages.parent.pretrain.log_every=1"]
        stage = f"{folder}/out/parent"
        killed_after(arguments, f"{stage}/metrics.jsonl", 20)
        code, _, err = run(*arguments)
        expect(code == 0, err)
        files = sorted(glob.glob(f"{stage}/events.out.tfevents.*"))
        expect(len(files) == 2, files)
        found, wanted = scalars(stage), logged(stage)
        expect("train/loss" in found and len(found["train/loss"]) == 60 and "validation/heldout_loss" in found, found.keys())
        expect(close(found, wanted), f"{found}\n{wanted}")
        # The control: an event that a byte was changed of is seen.
        damaged = shutil.copytree(stage, f"{folder}/damaged")
        with open(os.path.join(damaged, os.path.basename(files[1])), "r+b") as file:
            file.seek(-20, os.SEEK_END)
            file.write(b"\xff")
        expect(not close(scalars(damaged), wanted), "a damaged event was not noticed")


if __name__ == "__main__":
    if "REGROUP_PEERS_PYTHON" not in os.environ:
        sys.exit(77)
    main([tensorboard_reads_what_metrics_jsonl_holds])
