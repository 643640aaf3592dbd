"""Better merges than the mean through the binary: calibration, weighted merges, refit, local distillation, by command and
by recipe; what does not fit together is refused."""
import json
import os
import shutil
import signal
import tempfile
import time

from regroup_cli import TINY, expect, main, read, run, start, write_tiny

FOLDER = tempfile.TemporaryDirectory()
HEAD, STAGES = TINY.split("for_each:")[0], TINY[TINY.index("  parent:"):TINY.index('  "{v}"')].replace("every: 7}", "every: 7, keep_every: 14}")
RECIPE = HEAD + """
for_each:
  m:
    mean: {method: mean, refit: false, steps: 0}
    best: {method: covariance_svd, refit: true, steps: 20}
  s: {s1: {seed: 1}, s2: {seed: 2}}
stages:
""" + STAGES + """
  seen: {calibrate: {from: parent, rows: 64}}
  seen_young: {calibrate: {from: parent@14, rows: 64}}
  young: {convert: {from: parent@14, kv_heads: 1, method: covariance_svd, calibration: seen_young}}
  "{m}": {convert: {from: parent, kv_heads: 1, method: "{m.method}", calibration: seen, refit: "{m.refit}", local_distillation: {steps: "{m.steps}", rows: 16}}}
  "{m}_{s}": {uptrain: {from: "{m}", alpha: 5%, data_seed: "{s.seed}", evaluate_at: [0, 5%], log_every: 1}}
"""
ROWS = [{"input_ids": [(7 * i + 3 * k) % 100 + 3 for k in range(12)] + [1], "target_ids": [(5 * i + k) % 100 + 3 for k in range(6)] + [1]}
        for i in range(40)]


def path(*names):
    return os.path.join(FOLDER.name, *names)


def record(stage):
    return json.loads(read(path("run", stage, "stage.json")))


def model(stage):
    return path("run", stage, record(stage)["result"]["model"])


def a_recipe_calibrates_merges_and_refines():
    recipe = write_tiny(FOLDER.name, RECIPE)
    code, out, err = run("plan", recipe)
    expect(code == 0 and "seen" in out, out + err)
    code, _, err = run("run", recipe, "--out", path("run"))
    expect(code == 0, err)
    expect(len(record("seen")["result"]["losses"]) == 2, record("seen"))
    mean, best = record("mean")["result"], record("best")["result"]
    for one, other in zip(mean["damage"], best["damage"]):
        expect(one["attention"] == other["attention"], best["damage"])
        expect(one["merged"] > other["merged"] > other["refined"] > 0, (one, other))
    expect(mean["losses"][0]["value"] > best["losses"][0]["value"] > 0, mean["losses"])
    young = json.loads(read(os.path.join(model("young"), "regroup.json")))["conversions"][-1]
    expect(young["source"].endswith("parent/step-00000014"), young)
    expect(record("young")["result"]["starting_loss"]["parent"] > mean["starting_loss"]["parent"], "a younger parent knows less")
    # What convert says it measured is what score finds on the same rows.
    code, out, err = run("score", "--model", model("best"), "--data", path("run/seen/calibration/rows.jsonl"), "--json")
    expect(code == 0 and abs(json.loads(out)["loss"] - best["starting_loss"]["merged"]) < 1e-5, out + err)
    config = json.loads(read(os.path.join(model("best"), "config.json")))
    expect(config["num_key_value_heads"] == 1, config)


def stages_with_one_data_seed_see_the_same_batches():
    def tokens(stage):
        return [json.loads(line)["target_tokens"] for line in read(path("run", stage, "metrics.jsonl")).splitlines() if "loss" in json.loads(line)]
    starts = {stage: record(stage)["result"]["recovery"][0]["loss"] for stage in ("mean_s1", "mean_s2", "best_s1")}
    expect(starts["mean_s1"] == starts["mean_s2"] != starts["best_s1"], starts)
    expect(tokens("mean_s1") == tokens("best_s1"), "the same seed is other data")
    ends = [record(stage)["result"]["recovery"][-1]["loss"] for stage in ("mean_s1", "mean_s2")]
    expect(ends[0] != ends[1], "another seed is the same data")


def calibrate(to, *more):
    return run("calibrate", "--model", model("parent"), "--data", path("rows.jsonl"), "--to", path(to), *more)


def the_commands_do_the_same():
    with open(path("rows.jsonl"), "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in ROWS)
    code, out, err = calibrate("seen", "--rows", 32)
    expect(code == 0 and "32 rows" in out and "next: " in err and "--calibration" in err, out + err)
    code, out, _ = calibrate("seen", "--rows", 32, "--json")
    expect(code == 0 and json.loads(out)["rows"] == 32, out)
    code, _, err = calibrate("seen", "--rows", 31)
    expect(code == 2 and "something else" in err, err)
    base = ["convert", "--from", model("parent"), "--kv-heads", 1, "--calibration", path("seen")]
    code, out, err = run(*base, "--to", path("c1"), "--method", "covariance_svd", "--refit")
    expect(code == 0 and "refined" in out and "starting loss on 32 calibration rows" in out, out + err)
    code, out, err = run(*base, "--to", path("c2"), "--method", "covariance_svd", "--refit", "--distillation-steps", 5, "--json")
    expect(code == 0 and len(json.loads(out)["damage"]) == 2, out + err)
    expect(not [name for name in os.listdir(FOLDER.name) if "partial" in name], os.listdir(FOLDER.name))


def a_calibration_goes_on_after_a_kill():
    data = path("many.jsonl")
    with open(data, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(ROWS[i % len(ROWS)]) + "\n" for i in range(3000))
    command = ["calibrate", "--model", model("parent"), "--data", data, "--rows", 3000, "--to"]
    code, _, err = run(*command, path("whole"))
    expect(code == 0, err)
    process = start(*command, path("killed"))
    while process.poll() is None and not os.path.exists(path("killed/states/encoder-0")):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    expect(process.returncode == -signal.SIGKILL, "it ended before the kill")
    expect(not os.path.exists(path("killed/calibration.json")), "it had finished before the kill")
    code, _, err = run("convert", "--from", model("parent"), "--to", path("no"), "--kv-heads", 1, "--calibration", path("killed"))
    expect(code == 2 and "not finished" in err, err)
    code, _, err = run(*command, path("killed"))
    expect(code == 0, err)
    name = "statistics/decoder.block.0.safetensors"
    with open(path("whole", name), "rb") as one, open(path("killed", name), "rb") as other:
        expect(one.read() == other.read(), "the statistics differ")
    expect(not os.path.exists(path("killed/states")), "states are left")


def what_does_not_fit_is_refused():
    def refused(words, *arguments):
        code, out, err = run(*arguments)
        expect(code == 2 and all(word in err for word in words) and not out, (code, out, err))
        expect(not os.path.exists(path("no")), "a folder was written")
    base = ["convert", "--from", model("parent"), "--to", path("no"), "--kv-heads", "1"]
    refused(["covariance_svd", "regroup calibrate"], *base, "--method", "covariance_svd")
    refused(["refit", "calibrat"], *base, "--refit")
    refused(["no calibration.json"], *base, "--calibration", model("parent"))
    refused(["no such folder"], *base, "--calibration", path("nowhere"))
    refused(["another model"], "convert", "--from", model("mean"), "--to", path("no"), "--kv-heads", "1", "--calibration", path("seen"))
    shutil.copytree(path("seen"), path("hurt"))
    with open(path("hurt/statistics/decoder.block.0.safetensors"), "r+b") as file:
        file.truncate(1000)
    refused(["hurt/statistics/decoder.block.0.safetensors"], *base, "--calibration", path("hurt"))
    for step, words in (("15", ["parent@15", "save.keep_every (14)"]), ("140", ["up to 60"]), ("x", ["parent@x"])):
        refused(words, "plan", write_tiny(FOLDER.name, RECIPE.replace("parent@14", f"parent@{step}")))
    for wrong, words in (("calibration: seen, ", ["calibration", "is missing"]),
                         ("from: parent, kv_heads: 1", ["measures parent", "converts mean_s1"])):
        text = RECIPE.replace(wrong, "" if "seen" in wrong else "from: mean_s1, kv_heads: 1").replace('  "{m}_{s}"', '  "{m}_{s}"')
        if "seen" not in wrong:
            text = text.replace('from: "{m}", alpha', "from: parent, alpha")
        refused(words, "plan", write_tiny(FOLDER.name, text))


if __name__ == "__main__":
    main([a_recipe_calibrates_merges_and_refines, stages_with_one_data_seed_see_the_same_batches, the_commands_do_the_same,
          a_calibration_goes_on_after_a_kill, what_does_not_fit_is_refused])
