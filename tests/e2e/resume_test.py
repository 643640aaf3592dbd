"""A whole tiny line through the real binary: stopped by SIGTERM, SIGINT and kill -9 and started again by the same command,
it ends with the weights of a run that was never stopped, bit for bit."""

import hashlib
import json
import os
import random
import shutil
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


def wait_for_training(process, name, seconds, stage="parent"):
    """Until this process holds the run folder and the stage trains, then a little more."""
    lock, metrics = os.path.join(out(name), ".lock"), os.path.join(out(name), stage, "metrics.jsonl")
    end = time.time() + 120
    while time.time() < end and process.poll() is None:
        if os.path.exists(metrics) and open(lock, encoding="utf-8").read().strip() == str(process.pid):
            time.sleep(seconds)
            return
        time.sleep(0.005)


def checkpoints(name):
    """Finished training checkpoints of the parent, oldest first."""
    return sorted(n for n in os.listdir(os.path.join(out(name), "parent")) if n.startswith("step-") and n[5:].isdigit())


def stop_again_and_again(name, how, stages):
    """Runs the command and stops it while the first stage trains, then the next, and so on; the last start runs to the
    end."""
    draw = random.Random(5)
    for stage in stages:
        process = start(*command(name, "--set", "stages.parent.pretrain.log_every=1",
                                 "--set", "stages.gqa_copy.finetune.log_every=1"))
        wait_for_training(process, name, draw.uniform(0.0, 0.03), stage)
        process.send_signal(how)
        _, stderr = process.communicate(timeout=300)
        wanted = -signal.SIGKILL if how == signal.SIGKILL else 128 + how
        expect(process.returncode == wanted, f"exit {process.returncode}, expected {wanted}\n{stderr}")
        expect(not os.path.exists(os.path.join(out(name), stage, "stage.json")), f"{stage} ended before it was stopped")
    code, stdout, stderr = run(*command(name))
    expect(code == 0 and "Quality" in stdout, stderr)
    found = fingerprint(name)
    expect(found == REFERENCE, f"differs from the run that was never stopped: {found} {REFERENCE}")


def stopped_by_sigterm_twice_it_ends_with_the_same_weights():
    stop_again_and_again("term", signal.SIGTERM, ["parent", "parent", "gqa_copy"])


def stopped_by_sigint_it_ends_with_the_same_weights():
    stop_again_and_again("int", signal.SIGINT, ["parent"])


def killed_several_times_it_ends_with_the_same_weights():
    stop_again_and_again("kill", signal.SIGKILL, ["parent", "parent", "gqa_copy", "gqa_copy"])


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
    expect(os.path.isdir(os.path.join(out("damaged"), "parent", steps[-1] + ".damaged-1")), "it is not set aside")


def a_flipped_bit(path):
    with open(path, "r+b") as file:
        file.seek(-5, os.SEEK_END)
        byte = file.read(1)[0]
        file.seek(-5, os.SEEK_END)
        file.write(bytes([byte ^ 1]))


def a_damaged_model_of_a_finished_stage_is_named_before_it_is_used():
    shutil.copytree(out("damaged"), out("flipped"))
    for stage in ("gqa_up", "tokenizer"):
        file = "spiece.model" if stage == "tokenizer" else "model.safetensors"
        path = os.path.join(out("flipped"), stage, result("flipped", stage)["model"], file)
        a_flipped_bit(path)
        after = "gqa_copy" if stage == "gqa_up" else "parent"
        code, _, stderr = run(*command("flipped", "--only", after, "--redo", after))
        expect(code == 2 and file in stderr and "hash differs" in stderr, f"exit {code}\n{stderr}")
        a_flipped_bit(path)


def a_lost_best_checkpoint_costs_the_steps_since_then_and_nothing_else():
    shutil.copytree(out("damaged"), out("best"))
    folder = os.path.join(out("best"), "gqa_copy")
    os.remove(os.path.join(folder, "stage.json"))
    shutil.rmtree(os.path.join(folder, result("damaged", "gqa_copy")["model"]))
    code, _, stderr = run(*command("best", "--only", "gqa_copy"))
    expect(code == 0, stderr)
    expect(fingerprint("best") == REFERENCE, "differs from the run that was never stopped")


def a_changed_key_stops_the_run_before_anything_happens():
    before = fingerprint("whole")
    code, stdout, stderr = run(*command("whole", "--set", "stages.gqa_copy.finetune.steps=101"))
    expect(code == 2 and stdout == "", stderr)
    for part in ("gqa_copy: config.steps: 100 -> 101", "--redo gqa_copy"):
        expect(part in stderr, f"{part} is not in\n{stderr}")
    code, _, stderr = run(*command("whole", "--set", "stages.gqa_copy.finetune.steps=101", "--only", "gqa_up"))
    expect(code == 0, f"gqa_up does not depend on the changed stage\n{stderr}")
    expect(fingerprint("whole") == before, "something ran")


def redo_moves_the_old_folder_aside_and_runs_what_depends_on_it():
    code, stdout, stderr = run(*command("whole", "--set", "stages.gqa_copy.finetune.steps=101", "--redo", "gqa_copy"))
    expect(code == 0 and "Quality" in stdout, stderr)
    expect(os.path.isdir(out("whole") + "/gqa_copy.old-1") and os.path.isdir(out("whole") + "/scores.old-1"), stderr)
    expect("parent: finished before, skipped" in stderr, stderr)
    expect(result("whole", "gqa_copy")["steps"] == 101, "the stage did not run again")


def redo_without_a_change_redoes_what_depends_on_it():
    before = os.path.getmtime(os.path.join(out("damaged"), "table", "table.json"))
    code, _, stderr = run(*command("damaged", "--redo", "speed"))
    expect(code == 0 and os.path.isdir(out("damaged") + "/table.old-1"), stderr)
    expect(os.path.getmtime(os.path.join(out("damaged"), "table", "table.json")) > before, "the table is the old one")


def a_stopped_redo_goes_on_with_the_same_command():
    redo = command("damaged", "--redo", "parent", "--set", "stages.parent.pretrain.log_every=1")
    process = start(*redo)
    wait_for_training(process, "damaged", 0.02)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=300)
    expect(process.returncode == 143, process.returncode)
    code, _, stderr = run(*redo)
    expect(code == 0 and "parent: goes on from" in stderr, stderr)
    expect(not os.path.exists(out("damaged") + "/parent.old-2"), "it was moved aside a second time")
    expect(fingerprint("damaged") == REFERENCE, "differs from the run that was never stopped")


def a_damaged_record_is_named_and_redo_repairs_it():
    with open(os.path.join(out("damaged"), "gqa", "stage.json"), "w", encoding="utf-8") as file:
        file.write('{"kind": "conv')
    code, _, stderr = run(*command("damaged"))
    expect(code == 2 and "gqa/stage.json" in stderr and "--redo gqa" in stderr, stderr)
    code, _, stderr = run(*command("damaged", "--redo", "gqa"))
    expect(code == 0, stderr)
    expect(fingerprint("damaged") == REFERENCE, "differs from the run that was never stopped")


def an_export_to_a_folder_of_its_own_can_be_killed_and_redone():
    goal = os.path.join(FOLDER.name, "goal")
    export = command("damaged", "--set", f"stages.plain.export.to={goal}", "--only", "plain")
    code, _, stderr = run(*export, "--redo", "plain")
    expect(code == 0 and os.path.exists(goal + "/config.json"), stderr)
    os.remove(os.path.join(out("damaged"), "plain", "stage.json"))  # killed between the export and its record
    code, _, stderr = run(*export)
    expect(code == 0, stderr)


def a_second_run_in_the_same_folder_is_refused():
    process = start(*command("locked"))
    wait_for_training(process, "locked", 0.0)
    code, stdout, stderr = run(*command("locked"))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=300)
    expect(code == 2 and stdout == "" and str(process.pid) in stderr, f"exit {code}\n{stderr}")


def only_runs_the_named_stage_and_says_what_it_needs():
    code, _, stderr = run(*command("only", "--only", "tokenizer", "--only", "gqa"))
    expect(code == 2 and "has not finished" in stderr and not os.path.exists(out("only")), stderr)
    code, _, stderr = run(*command("only", "--only", "tokenizer"))
    expect(code == 0, stderr)
    expect(not os.path.exists(out("only") + "/parent"), "another stage ran")


main([the_whole_line_ends_with_the_table,
      kept_optimizer_state_goes_on_but_for_merged_tensors,
      finished_stages_are_skipped_and_the_table_is_printed_again,
      stopped_by_sigterm_twice_it_ends_with_the_same_weights,
      stopped_by_sigint_it_ends_with_the_same_weights,
      killed_several_times_it_ends_with_the_same_weights,
      a_damaged_newest_checkpoint_is_named_and_the_one_before_is_used,
      a_damaged_model_of_a_finished_stage_is_named_before_it_is_used,
      a_lost_best_checkpoint_costs_the_steps_since_then_and_nothing_else,
      a_changed_key_stops_the_run_before_anything_happens,
      redo_moves_the_old_folder_aside_and_runs_what_depends_on_it,
      redo_without_a_change_redoes_what_depends_on_it,
      a_stopped_redo_goes_on_with_the_same_command,
      a_damaged_record_is_named_and_redo_repairs_it,
      an_export_to_a_folder_of_its_own_can_be_killed_and_redone,
      a_second_run_in_the_same_folder_is_refused,
      only_runs_the_named_stage_and_says_what_it_needs])
