"""recipes/quickstart.yaml at an eighth of its steps: the line holds together on the real sample, within 2 GB, and a kill
changes no figure."""

import json
import os
import resource
import tempfile

from regroup_cli import SOURCE, expect, killed_after, main, quality, run

TASKS = ["titles", "en_de", "package_qa"]
EIGHTH = ["stages.parent.pretrain.steps=100", "stages.parent.pretrain.validate.every=50", "defaults.finetune.steps=25",
          "defaults.finetune.validate_every=25", "defaults.finetune.validate_rows=16"]


def command(name):
    sets = [part for one in EIGHTH for part in ("--set", one)]
    return ["run", os.path.join(SOURCE, "recipes/quickstart.yaml"), *sets, "--out", name]


def killed_and_restarted_it_ends_with_the_same_figures(folder):
    killed_after(command(f"{folder}/killed"), f"{folder}/killed/parent/metrics.jsonl", 60, cwd=folder)
    code, _, stderr = run(*command(f"{folder}/killed"), cwd=folder, timeout=1500)
    expect(code == 0, stderr[-4000:])
    expect(quality(f"{folder}/killed") == quality(f"{folder}/run"), "the figures differ")


def an_eighth_of_the_quickstart_ends_with_the_table():
    with tempfile.TemporaryDirectory() as folder:
        code, stdout, stderr = run(*command(f"{folder}/run"), cwd=folder, timeout=1500)
        expect(code == 0, stderr[-4000:])
        expect(sorted(os.listdir(folder)) == ["run"], "something was written outside of the run folder")
        with open(f"{folder}/run/table/table.json", encoding="utf-8") as file:
            table = json.load(file)
        expect([row["label"] for row in table["rows"]] == ["MHA", "GQA-2", "MQA"], table)
        for row in table["rows"]:
            expect(sorted(row["tasks"]) == sorted(TASKS), row)
            for task in row["tasks"].values():
                low, high = task["interval"]
                expect(low <= task["value"] <= high and task["loss"] > 0 and "shuffled" in task, task)
            expect(row["bench"]["ms_per_sample"] > 0, row)
        kv = [row["bench"]["kv_bytes"] for row in table["rows"]]
        expect(kv[0] == 4 * kv[1] == 8 * kv[2], f"K/V bytes are not exactly G/H: {kv}")
        expect(table["recovery"]["alphas"] == [0.0, 0.01, 0.025, 0.05], table["recovery"])
        expect(all(loss > 0 for row in table["recovery"]["rows"] for loss in row["loss"]), table["recovery"])
        with open(f"{folder}/run/gqa_up/stage.json", encoding="utf-8") as file:
            recovery = json.load(file)["result"]["recovery"]
        expect([point["step"] for point in recovery] == [0, 1, 3, 5], recovery)
        for part in ("Quality", "Speed", "batch 64, 512 source tokens", "Recovery", "GQA-8-XXL"):
            expect(part in stdout, f"{part} is not in\n{stdout}")
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        expect(peak < 2e9, f"{peak / 1e9:.2f} GB of memory")
        print(stdout, f"peak memory {peak / 1e9:.2f} GB", sep="\n")
        killed_and_restarted_it_ends_with_the_same_figures(folder)


main([an_eighth_of_the_quickstart_ends_with_the_table])
