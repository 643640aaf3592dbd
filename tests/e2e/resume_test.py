"""A whole tiny line through the real binary: stopped by SIGTERM, SIGINT and kill -9 and started again by the same command,
it ends with the weights of a run that was never stopped, bit for bit."""

import hashlib
import json
import os
import random
import signal
import struct
import tempfile
import time

from regroup_cli import expect, main, run, start, write_tiny

FOLDER = tempfile.TemporaryDirectory()
RECIPE = write_tiny(FOLDER.name)
TRAINED = ["parent", "gqa_up", "mqa_up", "gqa_copy"]


def out(name):
    return os.path.join(FOLDER.name, name)


def command(name, *more):
    return ["run", RECIPE, "--out", out(name), "--threads", "1", *more]


def result(name, stage):
    with open(os.path.join(out(name), stage, "stage.json"), encoding="utf-8") as file:
        return json.load(file)["result"]


def fingerprint(name):
    """Hash of the final weights of every stage that makes a model, and the quality figures."""
    found = {}
    for stage in TRAINED + ["gqa", "mqa", "plain"]:
        model = "model" if stage == "plain" else result(name, stage)["model"]
        with open(os.path.join(out(name), stage, model, "model.safetensors"), "rb") as file:
            found[stage] = hashlib.sha256(file.read()).hexdigest()
    scores = result(name, "scores")
    found["scores"] = json.dumps([scores["metrics"], scores["interval"]], sort_keys=True)
    found["recovery"] = json.dumps(result(name, "gqa_up")["recovery"])
    return found


REFERENCE = {}


def the_whole_line_ends_with_the_table():
    code, stdout, stderr = run(*command("whole"))
    expect(code == 0, stderr)
    for part in ("Quality", "Speed", "Recovery", "GQA-2", "1.51"):
        expect(part in stdout, f"{part} is not in\n{stdout}")
    REFERENCE.update(fingerprint("whole"))
    points = result("whole", "gqa_up")["recovery"]
    expect([point["step"] for point in points] == [0, 3] and all(point["loss"] > 0 for point in points), points)
    expect(len(open(os.path.join(out("whole"), "recipe.yaml"), encoding="utf-8").read()) > 100, "no resolved recipe")


def tensors(path):
    """name -> raw bytes of a safetensors file."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    header.pop("__metadata__", None)
    return {name: data[slice(*entry["data_offsets"])] for name, entry in header.items()}


def kept_optimizer_state_goes_on_but_for_merged_tensors():
    model = os.path.join(out("whole"), "gqa_up", result("whole", "gqa_up")["model"])
    steps = {name[5:]: struct.unpack("<q", raw)[0]
             for name, raw in tensors(os.path.join(model, "optimizer.safetensors")).items() if name.startswith("step/")}
    merged = {name for name in steps if name.startswith("decoder.") and name.endswith((".k.weight", ".v.weight"))}
    expect(len(merged) == 4 and {steps[name] for name in merged} == {3}, steps)
    expect({steps[name] for name in steps if name not in merged} == {63}, steps)


def finished_stages_are_skipped_and_the_table_is_printed_again():
    before = fingerprint("whole")
    code, stdout, stderr = run(*command("whole"))
    expect(code == 0 and "Quality" in stdout, stderr)
    expect("parent: finished before, skipped" in stderr, stderr)
    expect(fingerprint("whole") == before, "a skipped stage changed")


def wait_for_training(process, name, seconds):
    """Until this process holds the run folder and training has begun, then a little more."""
    lock, metrics = os.path.join(out(name), ".lock"), os.path.join(out(name), "parent", "metrics.jsonl")
    end = time.time() + 120
    while time.time() < end and process.poll() is None:
        if os.path.exists(metrics) and open(lock, encoding="utf-8").read().strip() == str(process.pid):
            time.sleep(seconds)
            return
        time.sleep(0.02)


def checkpoints(name):
    """Finished training checkpoints of the parent, oldest first."""
    return sorted(n for n in os.listdir(os.path.join(out(name), "parent")) if n.startswith("step-") and n[5:].isdigit())


def stop_again_and_again(name, how, times):
    """Runs the command, stops it after a while, and so on; the last start runs to the end."""
    draw = random.Random(5)
    stopped = 0
    while stopped < times:
        process = start(*command(name))
        wait_for_training(process, name, draw.uniform(0.05, 0.6))
        process.send_signal(how)
        _, stderr = process.communicate(timeout=300)
        if process.returncode == 0:
            break
        wanted = -signal.SIGKILL if how == signal.SIGKILL else 128 + how
        expect(process.returncode == wanted, f"exit {process.returncode}, expected {wanted}\n{stderr}")
        stopped += 1
    expect(stopped >= 1, "the run ended before it could be stopped")
    code, stdout, stderr = run(*command(name))
    expect(code == 0 and "Quality" in stdout, stderr)
    found = fingerprint(name)
    expect(found == REFERENCE, f"differs from the run that was never stopped: {found} {REFERENCE}")


def stopped_by_sigterm_twice_it_ends_with_the_same_weights():
    stop_again_and_again("term", signal.SIGTERM, 2)


def stopped_by_sigint_it_ends_with_the_same_weights():
    stop_again_and_again("int", signal.SIGINT, 1)


def killed_several_times_it_ends_with_the_same_weights():
    stop_again_and_again("kill", signal.SIGKILL, 4)


def a_damaged_newest_checkpoint_is_named_and_the_one_before_is_used():
    process = start(*command("damaged"))
    wait_for_training(process, "damaged", 0.2)
    while process.poll() is None and len(checkpoints("damaged")) < 2:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=300)
    steps = checkpoints("damaged")
    expect(len(steps) >= 2, steps)
    with open(os.path.join(out("damaged"), "parent", steps[-1], "model.safetensors"), "r+b") as file:
        file.seek(-5, os.SEEK_END)
        file.write(b"\xff")
    code, _, stderr = run(*command("damaged"))
    expect(code == 0, stderr)
    expect(steps[-1] in stderr, f"the damaged checkpoint is not named\n{stderr}")
    expect(fingerprint("damaged") == REFERENCE, "differs from the run that was never stopped")


def a_changed_key_stops_the_run_before_anything_happens():
    before = fingerprint("whole")
    code, stdout, stderr = run(*command("whole", "--set", "stages.gqa_copy.finetune.steps=21"))
    expect(code == 2 and stdout == "", stderr)
    for part in ("gqa_copy: config.steps: 20 -> 21", "--redo gqa_copy"):
        expect(part in stderr, f"{part} is not in\n{stderr}")
    code, _, stderr = run(*command("whole", "--set", "stages.gqa_copy.finetune.steps=21", "--only", "gqa_up"))
    expect(code == 0, f"gqa_up does not depend on the changed stage\n{stderr}")
    expect(fingerprint("whole") == before, "something ran")


def redo_moves_the_old_folder_aside_and_runs_what_depends_on_it():
    code, stdout, stderr = run(*command("whole", "--set", "stages.gqa_copy.finetune.steps=21", "--redo", "gqa_copy"))
    expect(code == 0 and "Quality" in stdout, stderr)
    expect(os.path.isdir(out("whole") + "/gqa_copy.old-1") and os.path.isdir(out("whole") + "/scores.old-1"), stderr)
    expect("parent: finished before, skipped" in stderr, stderr)
    expect(result("whole", "gqa_copy")["steps"] == 21, "the stage did not run again")


def a_second_run_in_the_same_folder_is_refused():
    process = start(*command("locked"))
    wait_for_training(process, "locked", 0.0)
    code, stdout, stderr = run(*command("locked"))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=300)
    expect(code == 2 and stdout == "" and str(process.pid) in stderr, f"exit {code}\n{stderr}")


def only_runs_the_named_stage_and_says_what_it_needs():
    code, _, stderr = run(*command("only", "--only", "gqa"))
    expect(code == 2 and "has not finished" in stderr, stderr)
    code, _, stderr = run(*command("only", "--only", "tokenizer"))
    expect(code == 0, stderr)
    expect(not os.path.exists(out("only") + "/parent"), "another stage ran")


main([the_whole_line_ends_with_the_table, kept_optimizer_state_goes_on_but_for_merged_tensors,
      finished_stages_are_skipped_and_the_table_is_printed_again,
      stopped_by_sigterm_twice_it_ends_with_the_same_weights, stopped_by_sigint_it_ends_with_the_same_weights,
      killed_several_times_it_ends_with_the_same_weights,
      a_damaged_newest_checkpoint_is_named_and_the_one_before_is_used,
      a_changed_key_stops_the_run_before_anything_happens,
      redo_moves_the_old_folder_aside_and_runs_what_depends_on_it, a_second_run_in_the_same_folder_is_refused,
      only_runs_the_named_stage_and_says_what_it_needs])
