"""Replays the cases of each fuzz target, then fuzzes it; prints a row per target and what was found.
Called by scripts/fuzz, which has built the targets, and by targets_test.py."""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import make_seeds

FUZZ = pathlib.Path(__file__).resolve().parent
TARGETS = sorted(path.name.removesuffix("_fuzz.cc") for path in FUZZ.glob("*_fuzz.cc"))

# Nothing may be allocated because a file claims it: one allocation of more megabytes is a finding, so is an input
# that takes more memory or seconds in all. Debug checks make everything some ten times slower and larger.
LIMITS = {"rss_limit_mb": 1024, "malloc_limit_mb": 64, "timeout": 10, "max_len": 4096}
# zstd's decoder keeps a window of up to 128 MiB that the frame names; it touches what is really unpacked.
OTHER_LIMITS = {"lines": {"malloc_limit_mb": 160}, "recipe": {"max_len": 8192}}
ENVIRONMENT = {"ASAN_OPTIONS": "quarantine_size_mb=16", "UBSAN_OPTIONS": "print_stacktrace=1"}


class Target:
    def __init__(self, name, build):
        self.name = name
        self.binary = build / "bin" / f"{name}_fuzz"
        self.work = build / "fuzz" / name
        self.corpus = self.work / "corpus"
        self.found = build / "found" / name
        limits = LIMITS | OTHER_LIMITS.get(name, {})
        self.options = [f"-{key}={value}" for key, value in limits.items()]

    def run(self, *arguments):
        """The finished process; its temporary files lie in memory and are gone afterwards."""
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        with tempfile.TemporaryDirectory(prefix="regroup-fuzz-", dir=memory) as folder:
            environment = os.environ | ENVIRONMENT | {"TMPDIR": folder}
            return subprocess.run([self.binary, *self.options, *arguments], env=environment, check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")

    def cases(self):
        return sorted(path for path in (FUZZ / "cases" / self.name).glob("*"))

    def replay(self, files):
        """The first of the files that fails, with the report; None where all are fine."""
        for file in files:
            result = self.run(file)
            if result.returncode != 0:
                return file, result.stdout
        return None

    def fuzz(self, how):
        """`how`: libFuzzer's options. What is found lies in self.found."""
        self.found.mkdir(parents=True, exist_ok=True)
        self.corpus.mkdir(parents=True, exist_ok=True)
        # libFuzzer adds what it learns to the first folder.
        corpus = [self.corpus] + [folder for folder in (self.work / "seeds", FUZZ / "cases" / self.name)
                                  if folder.is_dir()]
        words = self.work / "words"
        dictionary = [f"-dict={words}"] if words.exists() else []
        return self.run(f"-artifact_prefix={self.found}/", "-print_final_stats=1", "-reload=0", *dictionary, *how,
                        *corpus)


def last(pattern, text):
    found = re.findall(pattern, text)
    return found[-1] if found else "0"


def report(target, file, output):
    summary = re.findall(r"^(?:SUMMARY|==\d+==\s*ERROR|.*broken promise).*", output, re.MULTILINE)
    print("\n".join(output.splitlines()[-60:]) if not summary else "\n".join(summary), file=sys.stderr)
    print(f"{target.name}: FOUND {file}\n  replay: scripts/fuzz --replay {file} {target.name}\n"
          f"  once fixed, keep it: tests/fuzz/cases/{target.name}/", file=sys.stderr)


def work_on(target, arguments):
    """(row of the table, what was found: (file, output) or None)."""
    found = target.replay(target.cases())
    if found is not None:
        return [target.name, "-", "-", "-", "a case fails"], found
    if arguments.minutes:
        how = [f"-max_total_time={int(60 * arguments.minutes)}"]
    else:
        shutil.rmtree(target.corpus, ignore_errors=True)  # such a run begins with the seeds alone
        seeds = len(list((target.work / "seeds").iterdir())) + len(target.cases())
        how = [f"-runs={arguments.runs + seeds}", f"-seed={arguments.seed}"]
    started = time.monotonic()
    result = target.fuzz(how)
    runs = last(r"number_of_executed_units: (\d+)", result.stdout)
    row = [target.name, runs, f"{int(runs) / (time.monotonic() - started):.0f}", last(r"cov: (\d+)", result.stdout),
           "clean" if result.returncode == 0 else "FOUND"]
    if result.returncode == 0:
        return row, None
    return row, (last(r"Test unit written to (\S+)", result.stdout), result.stdout)


def main():
    parser = argparse.ArgumentParser(prog="scripts/fuzz")
    parser.add_argument("--runs", type=int, default=10000)
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--replay", type=pathlib.Path)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    arguments = parser.parse_args()
    names = arguments.targets or [name for name in TARGETS if not name.startswith("control_")]
    for name in names:
        if name not in TARGETS:
            parser.error(f"there is no target {name}; there are {', '.join(TARGETS)}")
    targets = [Target(name, arguments.build) for name in names]
    if arguments.replay:
        result = targets[0].run(arguments.replay.resolve())
        print(result.stdout)
        sys.exit(0 if result.returncode == 0 else 1)
    make_seeds.write(arguments.build / "fuzz")
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        results = list(pool.map(lambda target: work_on(target, arguments), targets))
    for row in [["target", "runs", "runs/s", "edges", "verdict"]] + [row for row, _ in results]:
        print(f"{row[0]:12}" + "".join(f"{cell:>9}" for cell in row[1:4]) + f"  {row[4]}")
    for target, (_, found) in zip(targets, results):
        if found is not None:
            report(target, *found)
    sys.exit(1 if any(found for _, found in results) else 0)


if __name__ == "__main__":
    main()
