#!/usr/bin/env python3
"""The evidence on ways of merging: runs the cells of recipes/merges.yaml one by one, each of which can be stopped and goes on,
and after each writes what is known so far: docs/results/merges.jsonl (a line per finished stage) and docs/results/merges.md.

benchmarks/merges.py [--run runs/merges] [--binary build/release/bin/regroup] [--collect] [CELL...]
"""

import argparse
import json
import os
import platform
import struct
import subprocess
import sys

import numpy as np

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RECIPE = os.path.join(REPO, "recipes", "merges.yaml")
RESULTS = os.path.join(REPO, "docs", "results")
METHODS = {"mean": "mean (the paper)", "first": "first", "random": "random", "procrustes": "Procrustes, norm restored",
           "svd": "SVD of weights", "covariance": "covariance SVD + refit", "distilled": "the same, distilled locally"}
AGES = {"eighth": 500, "quarter": 1000, "half": 2000}
STARTS = {"whole": "the parent", "mean_5": "mean, 5 %", "covariance_0": "covariance SVD + refit, 0 %", "covariance_1": "the same, 1 %"}
TASKS = ("titles", "package_qa")


def cells(binary):
    """Stages in an order in which each finds what it needs."""
    plan = json.loads(subprocess.run([binary, "plan", RECIPE, "--json"], capture_output=True, text=True, check=True).stdout)
    return ["tokenizer"] + [stage["name"] for stage in plan["stages"] if stage["name"] != "table"]


def records(run):
    found = {}
    for name in sorted(os.listdir(run)):
        path = os.path.join(run, name, "stage.json")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                found[name] = json.load(file)
    return found


def summary(name, record):
    """What a line of merges.jsonl says of a stage; None for what has no figure."""
    result, line = record["result"], {"stage": name, "kind": record["kind"], "seconds": round(record.get("seconds", 0))}
    if record["kind"] == "convert":
        damage = result["damage"]
        line.update(method=record["config"]["method"], refit=record["config"]["refit"],
                    distillation_steps=record["config"]["local_distillation"]["steps"],
                    merged_error=sum(one["merged"] for one in damage) / len(damage),
                    refined_error=sum(one["refined"] for one in damage) / len(damage),
                    **{key: result["starting_loss"][key] for key in ("parent", "merged")})
    elif record["kind"] == "uptrain":
        line.update(recovery=result["recovery"])
    elif record["kind"] == "evaluate":
        line.update(metrics=result["metrics"], interval=result["interval"], loss=result["loss"], rows=result["rows"])
    elif record["kind"] == "pretrain":
        line.update(steps=result["steps"], validations=result["validations"])
    else:
        return None
    return line


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def number(value, digits=3):
    return "-" if value is None else f"{value:.{digits}f}"


def gap(line):
    return None if line is None else line["merged"] - line["parent"]


def starts_table(lines):
    def cells_of(method, heads):
        line = lines.get(f"{method}_{heads}")
        return [number(gap(line)), "-" if line is None else f"{100 * line['merged_error']:.1f}",
                "-" if line is None else f"{100 * line['refined_error']:.1f}"]
    header = ["method", "MQA: loss above the parent", "error of the outputs, %", "refined, %", "GQA-2: loss above the parent",
              "error of the outputs, %", "refined, %"]
    return table(header, [[title, *cells_of(method, "mqa"), *cells_of(method, "gqa")] for method, title in METHODS.items()])


def ages_table(lines):
    header = ["method"] + [f"{heads}, step {step}" for heads in ("MQA", "GQA-2") for step in (*AGES.values(), "4000")]
    rows = [[title] + [number(gap(lines.get(f"{method}_{heads}_{age}".removesuffix("_whole"))))
                       for heads in ("mqa", "gqa") for age in (*AGES, "whole")] for method, title in METHODS.items()]
    return table(header, rows)


def recovery_table(binary, run):
    """What `regroup report` makes of the uptrainings, a row per way."""
    report = json.loads(subprocess.run([binary, "report", run, "--json"], capture_output=True, text=True, check=True).stdout)
    ways = {}
    for row in report["tables"]["recovery"]:
        ways.setdefault(row["model"], {"stages": row["stages"], "points": {}})["points"][row["alpha"]] = row
    alphas = sorted({alpha for way in ways.values() for alpha in way["points"]})

    def cell(point):
        if point is None or point["above_parent"] is None:
            return "-"
        width = "" if point["half_width"] is None else f" ±{point['half_width']:.3f}"
        return number(point["above_parent"]) + width

    def share(point, key):
        return "-" if point is None or point[key] is None else f"{100 * point[key]:.1f}"
    rows = []
    for model, way in ways.items():
        points = [way["points"].get(alpha) for alpha in alphas]
        losses = [cell(point) for point in points] if "not merged" not in model else [
            f"({point['loss']:.3f})" if point else "-" for point in points]
        one = way["points"].get(0.01)
        rows.append([model, str(len(way["stages"].split(", "))), *losses, share(one, "gap_closed"), share(one, "of_mean_gap")])
    header = ["way", "orders"] + [f"{100 * alpha:g} %" for alpha in alphas] + ["won back at 1 %", "of the mean's gap at 1 %"]
    return table(header, rows), ways


def tasks_table(lines):
    rows = []
    for start, title in STARTS.items():
        row = [title]
        for task in TASKS:
            line = lines.get(f"{start}_{task}_test")
            if line is None:
                row += ["-", "-"]
                continue
            key = "rouge1" if "rouge1" in line["metrics"] else "f1"
            low, high = line["interval"][key]
            row += [f"{line['metrics'][key]:.1f} [{low:.1f}, {high:.1f}]", number(line["loss"])]
        rows.append(row)
    return table(["fine-tuned from", "titles, ROUGE-1", "loss", "package_qa, F1", "loss"], rows)


def read_tensors(path):
    types = {"F64": np.float64, "F32": np.float32}
    with open(path, "rb") as file:
        data = file.read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    return {name: np.frombuffer(data[8 + size + one["data_offsets"][0]:8 + size + one["data_offsets"][1]],
                                types[one["dtype"]]).reshape(one["shape"]).astype(np.float64)
            for name, one in header.items() if name != "__metadata__"}


def root(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T


def ranks(stack, width):
    """(participation ratio, directions that hold 99 % of the energy, share beyond `width` directions) of a stack of heads."""
    energy = np.linalg.svd(stack, compute_uv=False) ** 2
    share = np.cumsum(energy) / energy.sum()
    return energy.sum() ** 2 / (energy ** 2).sum(), int(np.searchsorted(share, 0.99)) + 1, 1 - share[width - 1]


def ranks_table(run, lines_of):
    """Of the parent's attentions: stacks of all heads, by weights alone and by what real text makes of them."""
    folder = os.path.join(run, "seen", "calibration", "statistics")
    if not os.path.isdir(folder) or "parent" not in lines_of:
        return "Not measured yet.\n"
    weights = read_tensors(os.path.join(run, "parent", lines_of["parent"]["result"]["model"], "model.safetensors"))
    rows = []
    for file in sorted(name for name in os.listdir(folder) if name.endswith(".safetensors")):
        statistics = read_tensors(os.path.join(folder, file))
        for prefix in sorted(name.removesuffix(".key_covariance") for name in statistics if name.endswith(".key_covariance")):
            moments = statistics[prefix + ".query_moment"]
            heads, width = moments.shape[:2]
            keys = weights[prefix + ".k.weight"].reshape(heads, width, -1)
            values = weights[prefix + ".v.weight"].reshape(heads, width, -1)
            outputs = weights[prefix + ".o.weight"].reshape(-1, heads, width).transpose(1, 0, 2)
            covariance, moment = root(statistics[prefix + ".key_covariance"]), root(statistics[prefix + ".value_moment"])
            stacks = [keys, [root(q) @ k @ covariance for q, k in zip(moments, keys)], values,
                      [root(o.T @ o) @ v @ moment for o, v in zip(outputs, values)]]
            row = [prefix.replace("decoder.block.", "layer ").split(".layer")[0] + (" cross" if "EncDec" in prefix else " self")]
            for stack in stacks:
                ratio, most, beyond = ranks(np.concatenate(list(stack)), width)
                row.append(f"{ratio:.0f}, {most}, {100 * beyond:.1f} %")
            rows.append(row)
    return table(["attention", "K, weights", "K, weighted", "V, weights", "V, weighted"], rows)


def claim(ways):
    """The claim, part by part, as the table has it."""
    def point(label, alpha):
        return next((way["points"].get(alpha) for model, way in ways.items() if model.split()[-1] == label), None)
    mean, closed, one = point("mean_mqa", 0.05), point("covariance_mqa", 0.0), point("covariance_mqa", 0.01)
    if None in (mean, closed, one) or None in (mean["above_parent"], closed["above_parent"]):
        return "Not all cells of the claim have run yet.\n"
    holds = closed["above_parent"] <= mean["above_parent"]
    first = (f"MQA: the closed form with a refit and no training is {closed['above_parent']:.3f} above the parent, the mean after 5 % "
             f"{mean['above_parent']:.3f}: the first part of the claim {'holds' if holds else 'fails'}.")
    parts = [first]
    for key, what in (("gap_closed", "of what the closed form cost itself"), ("of_mean_gap", "of what the mean cost")):
        if one[key] is not None:
            parts.append(f"After 1 % it has closed {100 * one[key]:.1f} % {what} "
                         f"({'at least' if one[key] >= 0.95 else 'less than'} the 95 % of the claim).")
    return " ".join(parts) + "\n"


def hardware():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} vCPU, {model}"


def collect(binary, run):
    found = records(run)
    lines = {name: line for name, record in found.items() if (line := summary(name, record)) is not None}
    os.makedirs(RESULTS, exist_ok=True)
    with open(os.path.join(RESULTS, "merges.jsonl"), "w", encoding="utf-8") as file:
        file.writelines(json.dumps(line, sort_keys=True) + "\n" for line in lines.values())
    recovery, ways = recovery_table(binary, run)
    parent = lines.get("parent", {}).get("validations", {})
    curve = ", ".join(f"{step}: {values['heldout_loss']:.3f}" for step, values in sorted(parent.items(), key=lambda item: int(item[0])))
    text = f"""# Ways of merging heads: the evidence

Made by `benchmarks/merges.py` from the cells of `recipes/merges.yaml` that have run ({len(lines)} stages; {hardware()}, LibTorch
2.13 CPU, fp32). The figures are in `merges.jsonl`. Losses are nats per target token; "above the parent" is against the parent
trained as long on the same batches, on held-out documents, ± the 95 % interval over orders of the data. "-": has not run.

## The parent

d 256, 3 + 3 layers, 8 heads of 32, vocabulary 4,000, 4,000 steps of 32 rows. Held-out loss by step: {curve or '-'}.

## At α = 0, on 512 calibration rows

{starts_table(lines)}
## Recovery, on held-out documents

{recovery}
{claim(ways)}
## The same conversions from a younger parent: loss above it, on 512 calibration rows

{ages_table(lines)}
## Tasks after fine-tuning (test rows, 95 % intervals)

{tasks_table(lines)}
## How low-dimensional the parent's attention is

Stacks of all 8 heads (256 directions at most): participation ratio of the energies, directions that hold 99 % of them, and the
share beyond 32 directions, which is what one head cannot hold. "Weighted": by queries and inputs on real text, as
`covariance_svd` weighs.

{ranks_table(run, found)}"""
    with open(os.path.join(RESULTS, "merges.md"), "w", encoding="utf-8") as file:
        file.write(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default=os.path.join(REPO, "runs", "merges"))
    parser.add_argument("--binary", default=os.path.join(REPO, "build", "release", "bin", "regroup"))
    parser.add_argument("--collect", action="store_true", help="only write what has run so far")
    parser.add_argument("cells", nargs="*", help="stages to run (all, in their order)")
    options = parser.parse_args()
    if not options.collect:
        for cell in options.cells or cells(options.binary):
            code = subprocess.run([options.binary, "run", RECIPE, "--out", options.run, "--only", cell], check=False).returncode
            if code != 0:
                sys.exit(code)
            collect(options.binary, options.run)
    collect(options.binary, options.run)


if __name__ == "__main__":
    main()
