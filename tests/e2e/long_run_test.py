"""What a long run needs, through the real binary: a time limit, several validations, early stopping, the best
checkpoints, steps that are refused or skipped and looked at again, a full disk, a progress line on a terminal."""

import hashlib
import json
import os
import pty
import re
import shutil
import subprocess
import tempfile
import time

from regroup_cli import BINARY, expect, main, read, run, write_tiny

FOLDER = tempfile.TemporaryDirectory()
RECIPE = write_tiny(FOLDER.name)
FINETUNE = "stages.gqa_copy.finetune"


def out(name, *more):
    return os.path.join(FOLDER.name, name, *more)


def command(name, *more):
    return ["run", RECIPE, "--out", out(name), "--threads", "1", *more]


def result(name, stage):
    return json.loads(read(out(name, stage, "stage.json")))["result"]


def weights(name, stage="parent"):
    with open(out(name, stage, result(name, stage)["model"], "model.safetensors"), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def files(folder):
    return sorted(os.path.join(at, name) for at, _, names in os.walk(folder) for name in names)


def the_whole_line_runs():
    code, _, stderr = run(*command("whole"))
    expect(code == 0, stderr)


def a_time_limit_saves_and_exits_with_0_and_the_same_command_goes_on():
    longer = ["--only", "tokenizer", "--only", "parent", "--set", "stages.parent.pretrain.steps=700", "--set",
              "stages.parent.pretrain.save.every=0"]
    code, _, stderr = run(*command("no_limit", *longer))
    expect(code == 0, stderr)
    stops = 0
    while not os.path.exists(out("limit", "parent", "stage.json")):
        code, _, stderr = run(*command("limit", *longer, "--stop-after", "1500ms"))
        expect(code == 0, stderr)
        stops += "continue with the same command" in stderr
        expect(stops < 50, "it never ends")
    expect(stops > 0, "it was never stopped")
    expect(weights("limit") == weights("no_limit"), "differs from the run without a limit")


def a_wrong_time_limit_is_refused():
    for text in ("soon", "-3h", "0s", "10"):
        code, _, stderr = run(*command("never", f"--stop-after={text}"))
        expect(code == 2 and "3h50m" in stderr, stderr)
    expect(not os.path.exists(out("never")), "something was made")


def several_sets_are_validated_and_the_best_by_each_is_kept():
    shutil.copy(out("held.txt"), out("held2.txt"))
    code, _, stderr = run(*command(
        "sets", "--only", "tokenizer", "--only", "parent",
        "--set", f"corpora.more={{files: [{out('held2.txt')}], format: text}}",
        "--set", "stages.parent.pretrain.validate={corpus: [held, more], tasks: [copy], every: 20, rows: 8, task_rows: 4}",
        "--set", "stages.parent.pretrain.keep_best=[copy/rouge1, heldout_loss]",
        "--set", "stages.parent.pretrain.save.keep_last=1"))
    expect(code == 0, stderr)
    last = result("sets", "parent")["validations"]["60"]
    expect({"heldout_loss", "heldout_loss/more", "copy/rouge1", "copy/loss", "copy/exact_match"} <= set(last), last)
    expect(last["heldout_loss"] == last["heldout_loss/more"], "one file under two names gives two losses")
    best = result("sets", "parent")["best"]
    kept = {name for name in os.listdir(out("sets", "parent")) if re.fullmatch(r"step-\d+", name)}
    expect(kept == {best["copy/rouge1"]["model"], best["heldout_loss"]["model"], "step-00000060"}, (kept, best))
    expect(result("sets", "parent")["model"] == best["copy/rouge1"]["model"], "the first of keep_best is given on")
    validations = result("sets", "parent")["validations"]
    expect(best["heldout_loss"]["value"] == min(v["heldout_loss"] for v in validations.values()), best)
    code, _, stderr = run(*command("whole", "--set", "stages.parent.pretrain.keep_best=heldout_los"))
    expect(code == 2 and 'did you mean "heldout_loss"' in stderr, stderr)


def a_stage_that_does_not_improve_stops_early():
    code, _, stderr = run(*command("whole", "--redo", "gqa_copy", "--only", "gqa_copy", "--set",
                                   f"{FINETUNE}.early_stopping={{patience: 1, min_delta: 1000}}"))
    expect(code == 0 and "stops early" in stderr, stderr)
    found = result("whole", "gqa_copy")
    expect(found["stopped_early"] and found["steps"] == 40 and found["best_step"] == 20, found)


def refused(name, *more):
    """The fine-tuning of the whole run with a guard that soon finds a loss too large."""
    shutil.rmtree(out(name), ignore_errors=True)
    shutil.copytree(out("whole"), out(name))
    shutil.rmtree(out(name, "gqa_copy"))
    return run(*command(name, "--only", "gqa_copy", "--set", f"{FINETUNE}.steps=24", "--set",
                        f"{FINETUNE}.guard.explosion=0.0001", *more))


def a_bad_step_stops_and_replay_has_it_bit_for_bit():
    code, _, stderr = refused("stops")
    expect(code == 1 and "explodes" in stderr, stderr)
    step = int(re.search(r"gqa_copy, step (\d+)", stderr).group(1))
    expect(step > 20 and f"step-{step - 1:08d} holds the state" in stderr and "(ids " in stderr, stderr)
    says_failed = [run("inspect", out("stops")), run("watch", out("stops"), "--once")]
    for code, stdout, stderr in says_failed:
        expect(code == 0 and "failed" in stdout and "explodes" in stdout, stdout + stderr)
    before = files(out("stops"))
    code, stdout, stderr = run("replay", out("stops"))
    expect(code == 0 and "as recorded, bit for bit" in stdout and "0 steps trained again" in stdout, stdout + stderr)
    shutil.rmtree(out("stops", "gqa_copy", f"step-{step - 1:08d}"))
    code, stdout, stderr = run("replay", out("stops"), "--json")
    found = json.loads(stdout)
    expect(found["same"] and found["steps_again"] == step - 1 and found["from"] == "the beginning", stdout + stderr)
    losses = [example["loss"] for example in found["examples"]]
    expect(losses == sorted(losses, reverse=True) and len(losses) == 4 and found["examples"][0]["input"], found)
    gone = [path for path in before if path not in files(out("stops"))]
    expect(all(f"step-{step - 1:08d}" in path for path in gone), "replay changed the run folder")


def the_same_command_with_skip_goes_on_and_the_ledger_is_honored():
    code, _, stderr = refused("skips")
    expect(code == 1, stderr)
    skip = ["--set", f"{FINETUNE}.steps=24", "--set", f"{FINETUNE}.guard={{bad_steps: skip, explosion: 0.28, most_skips: 50}}"]
    code, _, stderr = run(*command("skips", "--only", "gqa_copy", *skip))
    expect(not os.path.exists(out("skips", "gqa_copy", "failed.json")), "the failure is over, its note is not")
    expect(code == 0 and "are skipped and recorded" in stderr, stderr)
    entries = [json.loads(line) for line in read(out("skips", "gqa_copy", "ledger.jsonl")).splitlines()]
    expect(entries[0]["action"] == "stopped" and entries[1]["action"] == "skipped", entries[:2])
    expect(entries[0]["position"] == entries[1]["position"] and len(entries[1]["ids"]) == 4, entries[:2])
    expect(result("skips", "gqa_copy")["skipped"] == len(entries) - 1, entries)


def replay_says_what_it_cannot_do():
    for arguments, part in ((["replay", out("whole")], "nothing was refused"), (["replay", out("whole", "parent")], "recipe.yaml"),
                            (["replay", out("stops"), "--entry", "7"], "1 entries"),
                            (["replay", out("stops"), "--stage", "gqa_cpy"], 'did you mean "gqa_copy"')):
        code, _, stderr = run(*arguments)
        expect(code == 2 and part in stderr, stderr)


def a_full_disk_stops_the_run_with_the_newest_good_checkpoint_intact():
    script = ('mount -t tmpfs -o size=1300k none "$1" || exit 77; shift; target=$1; copy=$2; shift 2; "$@"; code=$?; '
              'cp -r "$target" "$copy"; exit $code')
    os.mkdir(out("small_disk"))
    target, copy = out("small_disk", "run"), out("from_small_disk")
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script, "sh", out("small_disk"), target, copy, BINARY, "run",
                           RECIPE, "--out", target, "--threads", "1", "--only", "tokenizer", "--only", "parent",
                           "--set", "stages.parent.pretrain.save.keep_last=50"],
                          capture_output=True, text=True, timeout=300)
    if done.returncode in (1, 77) and not os.path.exists(copy):
        print("skipped: no mount namespace here:", done.stderr.strip())
        return
    expect(done.returncode == 1, done.stderr)
    expect("could not be saved" in done.stderr and "No space left" in done.stderr, done.stderr)
    good = re.search(r"(step-\d+) is good", done.stderr)
    expect(good and os.path.exists(os.path.join(copy, "parent", good.group(1), "manifest.json")), done.stderr)
    code, _, stderr = run(*command("from_small_disk", "--only", "tokenizer", "--only", "parent"))
    expect(code == 0 and f"goes on from {good.group(1)}" in stderr, stderr)
    expect(weights("from_small_disk") == weights("whole"), "differs from the run on a large disk")


def a_changed_binary_is_said_and_what_to_do():
    path = out("whole", "environment.json")
    environment = json.loads(read(path))
    with open(path, "w", encoding="utf-8") as file:
        json.dump({**environment, "binary": "another"}, file)
    code, _, stderr = run(*command("whole", "--only", "tokenizer", "--only", "parent"))
    expect(code == 0 and "begun under other conditions" in stderr and "binary" in stderr, stderr)


def a_terminal_gets_a_progress_line_and_a_file_plain_lines():
    code, _, plain = run(*command("plain", "--only", "tokenizer", "--only", "parent"))
    expect(code == 0 and "\r" not in plain and "step 60/60" in plain and "data wait" in plain, plain)
    child, terminal = pty.fork()
    if child == 0:
        os.execv(BINARY, [BINARY, *command("terminal", "--only", "tokenizer", "--only", "parent", "--set",
                                           "stages.parent.pretrain.steps=200")])
    shown = b""
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
    _, status = os.waitpid(child, 0)
    expect(os.waitstatus_to_exitcode(status) == 0, shown)
    text = shown.decode()
    expect("\r\x1b[K" in text and re.search(r"\[#+\.*\] +\d+ %  step \d+/200  loss", text), text)
    expect("data wait" in read(out("terminal", "log.txt")), "the plain lines are not in log.txt")
    last = text.rsplit("\r\x1b[K", 1)[1]
    expect("[#" not in last, f"a progress line is left behind: {last!r}")


main([the_whole_line_runs, a_time_limit_saves_and_exits_with_0_and_the_same_command_goes_on, a_wrong_time_limit_is_refused,
      several_sets_are_validated_and_the_best_by_each_is_kept, a_bad_step_stops_and_replay_has_it_bit_for_bit,
      the_same_command_with_skip_goes_on_and_the_ledger_is_honored, replay_says_what_it_cannot_do,
      a_stage_that_does_not_improve_stops_early, a_full_disk_stops_the_run_with_the_newest_good_checkpoint_intact,
      a_changed_binary_is_said_and_what_to_do, a_terminal_gets_a_progress_line_and_a_file_plain_lines])
