"""The steps of scripts/gpu_check: what each runs, what is kept of it, and the figures that are read out of it.

A step is done once for each commit: its record lies in FOLDER/<name>.json, what it printed in FOLDER/<name>.log.
"""

import json
import os
import re
import shlex
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from . import machine

PARTS = ["build", "test", "bench"]
RECIPE = "benchmarks/gpu_check.yaml"
MODELS = ["mha", "gqa", "mqa"]

# What makes the way short enough for a CPU: the same stages with a model of some ten thousand weights.
SMALL = ["defaults.pretrain.model.d_model=32", "defaults.pretrain.model.d_kv=8", "defaults.pretrain.model.d_ff=64",
         "defaults.pretrain.model.num_layers=1", "defaults.pretrain.model.num_decoder_layers=1",
         "tokenizer.train.vocab_size=500"]
SMALL_STAGES = ["steps=4", "batch.examples=4", "data.source_length=64", "log_every=1"]


class StepFailed(Exception):
    """Says why a step has no figures."""


@dataclass
class Step:
    """One command; `read` makes figures, [(what, value)], of what it printed on stdout."""
    name: str
    part: str
    title: str
    command: list
    read: Callable = lambda printed: []


class Check:
    """One folder of records for one checkout and device."""

    def __init__(self, root, out, device, kit, again):
        self.root, self.out, self.device = root, out, device
        self.kit = kit.resolve() if kit else None
        self.preset = os.environ.get("REGROUP_PRESET", "release")
        self.build = root / "build" / self.preset
        self.binary = self.build / "bin/regroup"
        self.run_folder = out / "run"
        self.commit = machine.output_of("git", "-C", str(root), "describe", "--always", "--dirty", "--exclude=*") or "unknown"
        out.mkdir(parents=True, exist_ok=True)
        if again:
            for path in out.glob("*.json"):
                path.unlink()

    def steps(self):
        """In order. Which tests there are is known once the build part is done, so this is a generator."""
        if self.kit:
            yield Step("setup", "build", "set-up from the kit", ["scripts/setup", "--kit", str(self.kit)])
        yield Step("build", "build", "the binary", ["scripts/dev", "build", "regroup"], self.check_device)
        yield Step("gpu_tests", "test", "tests labelled gpu", ["bash", "-c", self.test_commands()], tests_run)
        yield Step("train", "bench", "training and conversion", self.train_command(), self.training_figures)
        for precision in ("fp32", "bf16"):
            yield Step(f"decode_{precision}", "bench", f"decoding in {precision}", self.decode_command(precision),
                       decoding_figures)

    def short(self, path):
        """From the checkout, where every command runs."""
        return os.path.relpath(path, self.root) if path.is_relative_to(self.root) else str(path)

    def path_with_tools(self):
        """CMake's programs may come from the kit only."""
        chosen = self.root / "build/kit"
        tools = f"{chosen.read_text().strip()}/tools/bin:" if chosen.exists() else ""
        return tools + os.environ["PATH"]

    def train_command(self):
        sets = []
        if self.device == "cpu":
            sets = SMALL + [f"stages.parent_{p}.pretrain.{s}" for p in ("fp32", "bf16") for s in SMALL_STAGES]
        command = [self.short(self.binary), "run", RECIPE, "--device", self.device, "--out", self.short(self.run_folder)]
        return command + [part for value in sets for part in ("--set", value)]

    def decode_command(self, precision):
        sizes = ["--batch", "64", "--source", "512", "--target", "64"]
        if self.device == "cpu":
            sizes = ["--batch", "4", "--source", "32", "--target", "8"]
        models = [self.short(self.run_folder / name / "model") for name in MODELS]
        return [self.short(self.binary), "bench", "decode", "--model", *models, "--device", self.device,
                "--precision", precision, *sizes, "--json"]

    def test_commands(self):
        """Builds the programs of the tests labelled gpu, none of the others, then runs them."""
        listed = machine.output_of("env", f"PATH={self.path_with_tools()}", "ctest", "--test-dir", str(self.build),
                                   "--show-only=json-v1", "-L", "^gpu$")
        tests = json.loads(listed).get("tests", []) if listed else []
        targets = sorted({Path(part).name for test in tests for part in test.get("command", [])
                          if part.startswith(str(self.build / "bin") + "/")})
        build = f"scripts/dev build {shlex.join(targets)} && " if targets else ""
        return f"{build}ctest --test-dir {shlex.quote(str(self.build))} --output-on-failure -L '^gpu$' 2>&1"

    def carry_out(self, step):
        """The record of a step: the one that is there if it was done for this commit, else a new one."""
        file = self.out / f"{step.name}.json"
        if file.exists():
            record = json.loads(file.read_text())
            if record["state"] == "done" and record["key"] == self.key(step):
                return record
        record = self.run(step)
        file.write_text(json.dumps(record, indent=1))
        return record

    def key(self, step):
        return [self.commit, self.device, *step.command]

    def run(self, step):
        log = self.out / f"{step.name}.log"
        started = time.monotonic()
        environment = dict(os.environ, REGROUP_PRESET=self.preset, PATH=self.path_with_tools())
        with open(log, "w", encoding="utf-8") as errors:
            try:
                done = subprocess.run(step.command, cwd=self.root, env=environment, stdout=subprocess.PIPE, stderr=errors,
                                      text=True, check=False)
                printed, code = done.stdout, done.returncode
            except OSError as error:
                printed, code = "", f"{error}"
            errors.write(printed)
        record = {"title": step.title, "part": step.part, "key": self.key(step), "command": shlex.join(step.command),
                  "log": str(log), "figures": [], "seconds": time.monotonic() - started, "state": "done"}
        try:
            if code != 0:
                raise StepFailed(f"exit code {code}")
            record["figures"] = step.read(printed)
        except (StepFailed, ValueError, KeyError, OSError) as error:
            record.update(state="failed", why=str(error))
        return record

    def records(self):
        """Of the steps that were run, in order."""
        files = [self.out / f"{step.name}.json" for step in self.steps()]
        return [json.loads(file.read_text()) for file in files if file.exists()]

    def version(self):
        """What the binary says of itself; {} while there is none."""
        text = machine.output_of(str(self.binary), "--version", "--json")
        return json.loads(text) if text else {}

    def check_device(self, _):
        version = self.version()
        if self.device == "cuda" and not version.get("cuda"):
            raise StepFailed(f"the LibTorch that was found ({version.get('libtorch')}) is for the CPU: install a PyTorch "
                             "with CUDA for python3, or name one with REGROUP_LIBTORCH=<folder>")
        return []

    def training_figures(self, _):
        figures = []
        for precision in ("fp32", "bf16"):
            file = self.run_folder / f"parent_{precision}/metrics.jsonl"
            lines = [json.loads(line) for line in file.read_text().splitlines()]
            logged = [line for line in lines if "tokens_per_second" in line]
            # The first line holds the start: kernels are loaded and memory is taken for the first time.
            speed = statistics.median(line["tokens_per_second"] for line in logged[1:])
            figures.append((f"training in {precision}: target tokens per second, median", f"{speed:,.0f}"))
            figures.append((f"training in {precision}: loss at step {logged[-1]['step']}", f"{logged[-1]['loss']:.3f}"))
        return figures


def tests_run(printed):
    """No test labelled gpu is no failure, but the page says so."""
    if "No tests were found" in printed:
        return [("tests labelled gpu", "none in this checkout")]
    passed = re.search(r"(\d+% tests passed.*)", printed)
    if not passed:
        raise StepFailed("ctest printed no summary")
    skipped = len(re.findall(r"\*\*\*Skipped", printed))
    return [("tests labelled gpu", passed.group(1) + (f"; {skipped} skipped" if skipped else ""))]


def decoding_figures(printed):
    figures = []
    for model in json.loads(printed)["models"]:
        name = f"decoding, {Path(model['path']).parent.name}, {model['precision']}, batch {model['batch']}"
        figures.append((f"{name}: ms per step, median", f"{model['step_ms']['median']:.3f}"))
        figures.append((f"{name}: tokens per second", f"{model['tokens_per_second']:,.0f}"))
        figures.append((f"{name}: K/V bytes", f"{model['kv_bytes']:,}"))
    return figures
