"""gpu_check.md: one page of what scripts/gpu_check found, written anew after every step."""

import datetime

from . import machine

LINES_OF_LOG = 20


def table(header, rows):
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    return lines + [f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in row)} |" for row in rows]


def machine_rows(check):
    version = check.version()
    cuda = version.get("cuda") or {}
    kernels = "own kernels" if cuda.get("own_kernels") else "ATen's kernels only"
    gpus = machine.gpus()
    return [
        ("date", datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")),
        ("commit", version.get("commit", check.commit)),
        ("GPU, memory, driver", "; ".join(gpus) if gpus else "none"),
        ("CPU", machine.cpu()),
        ("memory", machine.memory()),
        ("system", machine.distribution()),
        ("LibTorch", version.get("libtorch", "not known before the build")),
        ("CUDA of LibTorch", f"{cuda['version']}, {kernels}" if cuda else "none"),
        ("nvcc", machine.nvcc()),
        ("compiler", version.get("compiler", "not known before the build")),
        ("instruction sets", " ".join(version.get("instruction_sets", []))),
        ("computed on", check.device + (" (a trial: small models, the figures mean nothing)"
                                        if check.device == "cpu" else "")),
    ]


def failure(record):
    with open(record["log"], encoding="utf-8", errors="replace") as file:
        tail = file.read().splitlines()[-LINES_OF_LOG:]
    return [f"### {record['title']}: {record['why']}", "", "```", f"$ {record['command']}", *tail, "```", ""]


def write(check):
    records = check.records()
    lines = ["# regroup on a GPU", "", "Written by `scripts/gpu_check`.", "", "## Machine", ""]
    lines += table(["what", "found"], machine_rows(check))
    lines += ["", "## Parts", ""]
    lines += table(["part", "step", "state", "seconds", "command"],
                   [(r["part"], r["title"], r["state"], f"{r['seconds']:.0f}", f"`{r['command']}`") for r in records])
    lines += ["", "## Figures", ""]
    figures = [(what, value, record["title"]) for record in records for what, value in record["figures"]]
    lines += table(["figure", "value", "from the step"], figures) if figures else ["None yet."]
    failed = [record for record in records if record["state"] == "failed"]
    if failed:
        lines += ["", "## What failed", ""]
        lines += [line for record in failed for line in failure(record)]
    check.out.joinpath("gpu_check.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
