"""recipes/quickstart.yaml at its full size: what README promises of it. Stopped by kill -9 once in the parent's training and
started again by the same command, it ends with the figures of a run that was never stopped."""

import json
import os
import signal
import tempfile
import time

from regroup_cli import SOURCE, expect, main, run, start

FOLDER = tempfile.TemporaryDirectory()
RECIPE = os.path.join(SOURCE, "recipes/quickstart.yaml")


def command(name):
    return ["run", RECIPE, "--out", os.path.join(FOLDER.name, name)]


def quality(name):
    """The table without its times."""
    with open(os.path.join(FOLDER.name, name, "table/table.json"), encoding="utf-8") as file:
        table = json.load(file)
    for row in table["rows"]:
        row.pop("bench")
    return {"rows": table["rows"], "recovery": table["recovery"]}


def the_tasks_are_learned():
    code, _, stderr = run(*command("whole"), timeout=2400)
    expect(code == 0, stderr[-4000:])
    rows = {row["label"]: row for row in quality("whole")["rows"]}
    apart = [name for name, task in rows["MHA"]["tasks"].items() if task["interval"][0] > task["shuffled_interval"][1]]
    expect(len(apart) >= 2, f"only {apart} stand clear of the shuffled references: {rows['MHA']}")


def killed_and_restarted_it_ends_with_the_same_figures():
    process = start(*command("killed"))
    metrics = os.path.join(FOLDER.name, "killed/parent/metrics.jsonl")
    while process.poll() is None and not (os.path.exists(metrics) and '"step":300,' in open(metrics, encoding="utf-8").read()):
        time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    expect(process.returncode == -signal.SIGKILL, process.returncode)
    code, _, stderr = run(*command("killed"), timeout=2400)
    expect(code == 0 and "goes on from step-00000200" in stderr, stderr[-4000:])
    expect(quality("killed") == quality("whole"), "the figures differ")


main([the_tasks_are_learned, killed_and_restarted_it_ends_with_the_same_figures])
