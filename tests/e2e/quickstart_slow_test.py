"""recipes/quickstart.yaml at its full size: what README promises of it. Stopped by kill -9 once in the parent's training and
started again by the same command, it ends with the figures of a run that was never stopped."""

import os
import tempfile

from regroup_cli import SOURCE, expect, killed_after, main, quality, run

FOLDER = tempfile.TemporaryDirectory()
RECIPE = os.path.join(SOURCE, "recipes/quickstart.yaml")


def out(name):
    return os.path.join(FOLDER.name, name)


def command(name):
    return ["run", RECIPE, "--out", out(name)]


def the_tasks_are_learned():
    code, _, stderr = run(*command("whole"), timeout=2400)
    expect(code == 0, stderr[-4000:])
    rows = {row["label"]: row for row in quality(out("whole"))["rows"]}
    apart = [name for name, task in rows["MHA"]["tasks"].items() if task["interval"][0] > task["shuffled_interval"][1]]
    expect(len(apart) >= 2, f"only {apart} stand clear of the shuffled references: {rows['MHA']}")


def killed_and_restarted_it_ends_with_the_same_figures():
    killed_after(command("killed"), os.path.join(out("killed"), "parent/metrics.jsonl"), 300)
    code, _, stderr = run(*command("killed"), timeout=2400)
    expect(code == 0 and "goes on from step-00000200" in stderr, stderr[-4000:])
    expect(quality(out("killed")) == quality(out("whole")), "the figures differ")


main([the_tasks_are_learned, killed_and_restarted_it_ends_with_the_same_figures])
