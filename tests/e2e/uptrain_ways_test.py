"""Ways of uptraining beside the plain one, through the binary: a teacher's distributions, the grouped attentions alone, a merge
whose weights are learned; heads chosen under a budget of bytes. Stopped and resumed they end bit for bit the same."""
import json
import os
import shutil
import struct
import tempfile

from regroup_cli import TINY, expect, killed_after, main, read, run, write_tiny

FOLDER = tempfile.TemporaryDirectory()
HEAD, STAGES = TINY.split("for_each:")[0], TINY[TINY.index("  parent:"):TINY.index('  "{v}"')]
RECIPE = HEAD + """
for_each:
  d: {taught: {weight: 0.5, top_k: 0}, few: {weight: 1.0, top_k: 4}}
stages:
""" + STAGES + """
  seen: {calibrate: {from: parent, rows: 48}}
  mean: {convert: {from: parent, kv_heads: 1}}
  budget: {convert: {from: parent, kv_budget: 50%, method: covariance_svd, calibration: seen}}
  plain: {uptrain: {from: mean, alpha: 50%, data_seed: 1, evaluate_at: [0, 50%], log_every: 1}}
  "{d}": {uptrain: {from: mean, alpha: 50%, data_seed: 1, evaluate_at: [0, 50%], log_every: 1, save: {every: 2}, distillation: {teacher: parent, weight: "{d.weight}", top_k: "{d.top_k}", temperature: 2, attention: 0.1}}}
  parent_taught: {uptrain: {from: parent, alpha: 50%, data_seed: 1, evaluate_at: [0, 50%], distillation: {teacher: parent, weight: 0.5, temperature: 2, attention: 0.1}}}
  parent_few: {uptrain: {from: parent, alpha: 50%, data_seed: 1, evaluate_at: [0, 50%], distillation: {teacher: parent, weight: 1.0, top_k: 4, temperature: 2, attention: 0.1}}}
  parent_up: {uptrain: {from: parent, alpha: 50%, data_seed: 1, evaluate_at: [0, 50%]}}
  grouped: {uptrain: {from: mean, alpha: 50%, data_seed: 1, train: grouped, distillation: {teacher: parent}}}
  learned: {uptrain: {from: mean, alpha: 50%, data_seed: 1, learned_merge: parent, log_every: 1, save: {every: 2}}}
  table: {compare: {recovery: [parent_up, parent_taught, parent_few, plain, taught, few]}}
"""


def path(*names):
    return os.path.join(FOLDER.name, *names)


def result(stage, run_folder="run"):
    return json.loads(read(path(run_folder, stage, "stage.json")))["result"]


def tensors(stage, name="model.safetensors", run_folder="run"):
    """The tensors of a checkpoint as bytes, by name."""
    folder = path(run_folder, stage, result(stage, run_folder)["model"])
    with open(os.path.join(folder, name), "rb") as file:
        data = file.read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    return {key: data[8 + size + value["data_offsets"][0]:8 + size + value["data_offsets"][1]]
            for key, value in header.items() if key != "__metadata__"}


def steps(stage):
    return [json.loads(line) for line in read(path("run", stage, "metrics.jsonl")).splitlines() if "loss" in json.loads(line)]


def a_recipe_runs_all_of_them():
    recipe = write_tiny(FOLDER.name, RECIPE)
    code, out, err = run("plan", recipe)
    expect(code == 0 and "kv_budget chooses" in out, out + err)
    code, _, err = run("run", recipe, "--out", path("run"))
    expect(code == 0, err)


def a_teacher_is_learned_from():
    for stage in ("taught", "few"):
        lines = steps(stage)
        expect(all(line["distillation_loss"] > 0 and line["attention_loss"] > 0 for line in lines), lines)
        expect(lines[-1]["distillation_loss"] < lines[0]["distillation_loss"], lines)
        # The batches are the same, and the loss that is logged is the plain one.
        expect(abs(lines[0]["loss"] - steps("plain")[0]["loss"]) < 1e-6, lines[0])
    expect("distillation_loss" not in steps("plain")[0], "a plain run has no teacher")
    expect(result("taught")["recovery"][-1] != result("plain")["recovery"][-1], "the teacher changed nothing")


def each_is_measured_against_its_own_parent():
    ways = {way["stages"][0]: way for way in json.loads(read(path("run/table/table.json")))["recovery"]["ways"]}
    expect(set(ways) == {"parent_up", "parent_taught", "parent_few", "plain", "taught", "few"}, ways)
    for stage, parent in (("plain", "parent_up"), ("taught", "parent_taught"), ("few", "parent_few")):
        for own, other in zip(ways[stage]["points"], ways[parent]["points"]):
            expect(abs(own["above_parent"] - (own["loss"] - other["loss"])) < 1e-9, (own, other))
            expect(own["half_width"] is None and other["above_parent"] is None, (own, other))


def what_is_frozen_stays_bit_for_bit():
    before, after = tensors("mean"), tensors("grouped")
    changed = {name for name in before if before[name] != after[name]}
    expect(changed == {name for name in before if name.startswith("decoder.") and "Attention." in name and "bias" not in name}, changed)


def a_learned_merge_is_folded():
    before, after, state = tensors("mean"), tensors("learned"), tensors("learned", "optimizer.safetensors")
    name = "decoder.block.0.layer.1.EncDecAttention.k.weight"
    expect(len(after[name]) == len(before[name]) and after[name] != before[name], "not an ordinary grouped model")
    heads = struct.unpack(f"<{len(state[f'value/{name}.merge']) // 4}f", state[f"value/{name}.merge"])
    expect(len(heads) > 1 and len(set(heads)) == len(heads), heads)  # each has its own weight
    expect(all(weight != 1 / len(heads) for weight in heads), heads)  # which they began with
    expect(len(state[f"value/{name}.heads"]) == len(heads) * len(after[name]), "the heads are not saved")


def killed_and_resumed_it_ends_the_same():
    for stage in ("learned", "taught"):
        copy = path(f"killed_{stage}")
        shutil.copytree(path("run"), copy)
        shutil.rmtree(os.path.join(copy, stage))
        arguments = ["run", path("recipe.yaml"), "--out", copy, "--only", stage]
        killed_after(arguments, os.path.join(copy, stage, "metrics.jsonl"), 4)
        expect(not os.path.exists(os.path.join(copy, stage, "stage.json")), "it had finished before the kill")
        code, _, err = run(*arguments)
        expect(code == 0, err)
        expect(tensors(stage) == tensors(stage, run_folder=f"killed_{stage}"), f"{stage} ends otherwise")


def a_budget_is_shared_out():
    budget = result("budget")["budget"]
    heads = budget["chosen"]["kv_heads"]
    expect(set(heads) == {"decoder_self", "cross"} and budget["chosen"]["share"] <= 0.5001, budget)
    expect(budget["chosen"]["error"] <= budget["uniform"]["error"] + 1e-12 and budget["uniform"]["share"] == 0.5, budget)
    expect(abs(budget["chosen"]["loss"] - result("budget")["starting_loss"]["merged"]) < 1e-9, budget)
    config = json.loads(read(path("run/budget/model/config.json")))
    expect(config["kv_heads"]["decoder_self"] in (heads["decoder_self"], heads["decoder_self"][0]), (config["kv_heads"], heads))
    base = ["convert", "--from", path("run/parent", result("parent")["model"]), "--calibration", path("run/seen/calibration")]
    code, out, err = run(*base, "--to", path("b1"), "--kv-budget", "50%", "--method", "covariance_svd", "--refit")
    expect(code == 0 and "chosen" in out and "uniform" in out and "refined" in out, out + err)
    for words, arguments in ((["one K/V head", "25 %"], ["--kv-budget", "20%"]), (["either"], ["--kv-budget", "50%", "--kv-heads", "1"]),
                             (["--kv-heads", "is missing"], []),
                             (["encoder.block.0", "did not measure"], ["--kv-budget", "50%", "--sites", "encoder_self", "--method", "covariance_svd"]), (["random", "kv_heads"], ["--kv-budget", "50%", "--method", "random"])):
        code, out, err = run(*base, "--to", path("no"), *arguments)
        expect(code == 2 and all(word in err for word in words) and not os.path.exists(path("no")), (code, out, err))


def what_does_not_fit_is_refused():
    changes = (("teacher: parent, weight", "teacher: nobody, weight", ['"nobody"']),
               ("learned_merge: parent", "learned_merge: mean", ["learned_merge", "expected a conversion of mean by method: mean"]),
               ("kv_budget: 50%, ", "", ["kv_heads", "is missing"]),
               ("kv_budget: 50%, ", "kv_budget: 50%, kv_heads: 1, ", ["keep one"]),
               ("calibration: seen", "sites: [cross]", ["calibration", "is missing"]),
               ("train: grouped", "train: some", ["all", "grouped"]))
    for old, new, words in changes:
        expect(old in RECIPE, old)
        code, out, err = run("plan", write_tiny(FOLDER.name, RECIPE.replace(old, new)))
        expect(code == 2 and all(word in err for word in words), (old, code, out, err))
    code, out, err = run("plan", write_tiny(FOLDER.name, RECIPE.replace("parent_taught, ", "")))
    expect(code == 2 and "taught" in err and "from itself" in err, (code, out, err))


if __name__ == "__main__":
    main([a_recipe_runs_all_of_them, a_teacher_is_learned_from, each_is_measured_against_its_own_parent, what_is_frozen_stays_bit_for_bit, a_learned_merge_is_folded,
          killed_and_resumed_it_ends_the_same, a_budget_is_shared_out, what_does_not_fit_is_refused])
