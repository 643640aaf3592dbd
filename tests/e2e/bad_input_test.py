#!/usr/bin/env python3
"""Bad input: what a person or a broken download can get wrong gives exit 2 and one message with the place, within
seconds and bounded memory, and leaves every file as it was. The tables stand in bad_input/, a module a kind of input.

  bad_input_test.py [--show] [WORD...]     only cases whose kind or name holds a word; --show prints their messages"""
import concurrent.futures
import hashlib
import json
import os
import re
import stat
import subprocess
import sys
import tempfile
import threading
import time

from bad_input import configs, flags, long_runs, metrics, outputs, pickles, recipes, rows, streams, tasks, tokenizers, weights
from regroup_cli import BINARY

KINDS = (weights, pickles, configs, tokenizers, rows, streams, recipes, long_runs, tasks, outputs, metrics, flags)
FEWEST_CASES = 200
SECONDS = 10
# The binary takes 110 MB before it reads anything, about 125 MB with a small model, 240 MB where a line of 64 MB is
# read: twice the binary itself and 80 MB are allowed. What the files claim (terabytes) would be far beyond. The binary
# is measured first, because a build with checks is larger.
PEAK_FACTOR, PEAK_MB = 2, 80
LONGEST_LINE, MOST_LINES = 700, 160  # a model that fits nothing has every tensor listed
# Traces, types and sentences of libraries: nobody who gave a wrong file can use them.
FOREIGN = re.compile(r"terminate called|Exception raised from|what\(\)|std::|absl::|c10::|at::|nlohmann|"
                     r"json\.exception|YAML::|0x[0-9a-f]{8,}|Traceback|CHECK|Assertion|core dumped|"
                     r"basic_string|INVALID_ARGUMENT|unexpected error|LibTorch|sentencepiece/|\.cc\b|\(null\)|\x00")


def snapshot(folder):
    """Names, sizes, hashes and targets of links of everything in a folder."""
    found = {}
    for path, folders, names in os.walk(folder):
        for name in folders + names:
            full = os.path.join(path, name)
            mode = os.lstat(full).st_mode
            if stat.S_ISLNK(mode):
                found[full] = os.readlink(full)
            elif stat.S_ISREG(mode):
                with open(full, "rb") as file:
                    found[full] = hashlib.file_digest(file, "sha256").hexdigest()  # in parts: a child's peak begins at ours
            else:
                found[full] = stat.S_IFMT(mode)
    return found


def measured(arguments, folder, stdin):
    """(exit code, stdout, stderr, seconds, peak resident MB) of the binary."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as given:
        given.write(stdin)
        given.seek(0)
        began = time.monotonic()
        process = subprocess.Popen([BINARY, *arguments], cwd=folder, stdin=given, stdout=out, stderr=err)
        watchdog = threading.Timer(3 * SECONDS, process.kill)
        watchdog.start()
        _, status, usage = os.wait4(process.pid, 0)
        watchdog.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - began
        out.seek(0)
        err.seek(0)
        return process.returncode, out.read(), err.read(), seconds, usage.ru_maxrss / 1024


def wrong_output(case, out):
    if case.rows == 0:
        return [f"stdout holds {out[:200]!r}"] if out else []
    try:
        lines = [json.loads(line) for line in out.decode().splitlines()]
    except ValueError as error:
        return [f"stdout: {error}"]
    return [] if len(lines) == case.rows else [f"stdout holds {len(lines)} rows, expected {case.rows}"]


def wrong_message(case, err):
    try:
        message = err.decode("utf-8")
    except UnicodeDecodeError as error:
        return [f"the message is not UTF-8: {error}"]
    problems = [f"the message lacks {part!r}" for part in case.parts if part not in message]
    foreign = FOREIGN.search(message)
    if foreign:
        problems.append(f"the message shows {foreign.group()!r}")
    lines = message.splitlines()
    if len(lines) > MOST_LINES or max(map(len, lines), default=0) > LONGEST_LINE:
        problems.append(f"the message is long: {len(lines)} lines, longest {max(map(len, lines))}")
    if message.count("error: ") != 1 or not message.endswith("\n"):
        problems.append("expected exactly one error line")
    return problems


def in_folder(case, check, peak_mb):
    """Makes the files, runs the command and hands what happened to `check`; returns (problems, message, s, MB)."""
    with tempfile.TemporaryDirectory() as folder:
        for step in case.steps:
            step(folder)
        before = snapshot(folder)
        code, out, err, seconds, peak = measured(case.command, folder, case.stdin)
        problems = check(case, code, out, err)
        if seconds > SECONDS:
            problems.append(f"took {seconds:.1f} s, expected less than {SECONDS}")
        if peak > peak_mb + case.peak:
            problems.append(f"took {peak:.0f} MB, expected less than {peak_mb + case.peak:.0f}")
        after = snapshot(folder)
        changed = {os.path.relpath(path, folder) for path in before.keys() | after.keys()
                   if before.get(path) != after.get(path)}
        changed = {path for path in changed if not path.startswith(case.changes or "/")}
        if code != 0 and changed:
            problems.append(f"changed or left: {', '.join(sorted(changed))}")
        return problems, err.decode("utf-8", "replace"), seconds, peak


def check_refused(case, code, out, err):
    problems = [] if code == 2 else [f"exit code {code}, expected 2"]
    return problems + wrong_output(case, out) + wrong_message(case, err)


def check_accepted(_, code, __, ___):
    return [] if code == 0 else [f"exit code {code}: the good input was refused"]


def print_case(name, case, problems, message):
    command = " ".join(map(os.fsdecode, case.command))[:300].encode("utf-8", "replace").decode()
    print(f"{'FAILED' if problems else 'ok'}  {name}\n    regroup {command}")
    for problem in problems:
        print(f"    {problem}")
    print("    " + message.strip()[:2500].replace("\n", "\n    "), flush=True)


def main(arguments):
    show, wanted = "--show" in arguments, [word for word in arguments if word != "--show"]
    jobs = []
    for kind in KINDS:
        name = kind.__name__.split(".")[-1]
        jobs += [(f"{name}: {case.name}", case, check_refused) for case in kind.CASES]
        jobs += [(f"{name}: good: {case.name}", case, check_accepted) for case in kind.CONTROLS]
    names = [name for name, _, _ in jobs]
    twice = sorted({name for name in names if names.count(name) > 1})
    jobs = [job for job in jobs if not wanted or any(word in job[0] for word in wanted)]
    peak_mb = PEAK_FACTOR * measured(["docs", "recipes"], None, b"")[-1] + PEAK_MB
    failed, slowest, highest = 0, 0.0, 0.0
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda job: in_folder(job[1], job[2], peak_mb), jobs)
        for (name, case, _), (problems, message, seconds, peak) in zip(jobs, results):
            slowest, highest = max(slowest, seconds), max(highest, peak)
            failed += bool(problems)
            if problems or show:
                print_case(name, case, problems, message)
    cases = sum(check is check_refused for _, _, check in jobs)
    seconds = time.monotonic() - began
    print(f"{cases} cases of bad input, {len(jobs) - cases} good ones beside them, in {seconds:.0f} s; {failed} failed; "
          f"slowest {slowest:.1f} s, highest peak {highest:.0f} MB")
    if twice:
        print(f"two cases of one name: {twice}")
    if not wanted and cases < FEWEST_CASES:
        print(f"expected at least {FEWEST_CASES} cases")
    sys.exit(1 if failed or twice or (not wanted and cases < FEWEST_CASES) else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
