"""Every shipped recipe from its first stage to its table: two steps in each training stage, with a tiny checkpoint (of as
many heads as the real one has, so that the groups are the recipe's) or a tiny model, and rows in each data set's own
layout, through the recipe's own readers, evaluation and exports."""

import gzip
import json
import os
import shutil
import sys
import tempfile

from regroup_cli import SOURCE, expect, main, read, run, sentence

sys.path.insert(0, os.path.join(SOURCE, "benchmarks"))
import memory  # noqa: E402  (its writer of checkpoints with constant weights)

FOLDER = tempfile.TemporaryDirectory()
MODELS, DATA, RUNS = (os.path.join(FOLDER.name, name) for name in ("models", "data", "runs"))
TASK_DATA = os.path.join(SOURCE, "tests/unit/pipeline/task_data")
HEADS = {"small": 6, "base": 12, "large": 16, "xl": 32, "xxl": 64}
RECIPES = sorted(name[:-5] for name in os.listdir(os.path.join(SOURCE, "recipes")) if name.endswith(".yaml"))
PAPER = [name for name in RECIPES if name.startswith(("t5-v1_1-", "flan-t5-"))]


def write_models():
    for size, heads in HEADS.items():
        memory.SHAPES[size] = (32, 48, 1, heads)
        for family in ("t5-v1_1", "flan-t5"):
            memory.write_checkpoint(os.path.join(MODELS, f"{family}-{size}"), size, 1152, d_kv=4)


def write_c4():
    folder = os.path.join(DATA, "c4/en")
    os.makedirs(folder)
    for name, first in (("c4-train.00000-of-01024", 0), ("c4-train.00001-of-01024", 300), ("c4-validation.00000-of-00008", 900)):
        with gzip.open(os.path.join(folder, f"{name}.json.gz"), "wt", encoding="utf-8") as file:
            for number in range(first, first + 300):
                text = " ".join(sentence(number + k) for k in range(3))
                file.write(json.dumps({"text": text, "url": "https://example.com", "timestamp": "2019-04-25T12:57:54Z"}) + "\n")


def put_rows(task, names):
    """The fixture of the task under each name that the recipe expects, a copy with another row order where files must
    differ in content."""
    source = os.path.join(TASK_DATA, task)
    target = os.path.join(DATA, task)
    os.makedirs(target, exist_ok=True)
    for fixture, expected in names:
        os.makedirs(os.path.dirname(os.path.join(target, expected)), exist_ok=True)
        shutil.copy(os.path.join(source, fixture), os.path.join(target, expected))


def write_tasks():
    put_rows("cnn_dailymail", [("test.jsonl", f"{split}.jsonl") for split in ("train", "validation", "test")])
    for task in ("arxiv", "pubmed"):
        put_rows(task, [("test.txt", f"{split}.txt") for split in ("train", "val", "test")])
    put_rows("mediasum", [("test.json", f"{split}.json") for split in ("train", "val", "test")])
    for split in ("train", "val", "test"):
        put_rows("multi_news", [("test.src.cleaned", f"{split}.src.cleaned"), ("test.tgt", f"{split}.tgt")])
    for split in ("train", "newstest2013", "newstest2014"):
        put_rows("wmt14_en_de", [("test.en", f"{split}.en"), ("test.de", f"{split}.de")])
    put_rows("trivia_qa", [("qa/wikipedia-train.json", f"qa/{name}.json")
                           for name in ("wikipedia-train", "wikipedia-dev", "verified-wikipedia-dev")])
    shutil.copytree(os.path.join(TASK_DATA, "trivia_qa/evidence"), os.path.join(DATA, "trivia_qa/evidence"))


def run_recipe(name, *sets):
    folder = os.path.join(RUNS, name)
    flags = [flag for value in sets for flag in ("--set", value)]
    code, stdout, stderr = run("run", os.path.join(SOURCE, "recipes", f"{name}.yaml"), "--out", folder, "--threads", "1", "--json",
                               *flags)
    expect(code == 0, f"{name}: {stderr[-3000:]}")
    return folder, json.loads(stdout)["tables"]["table"], stderr


def stage(folder, name):
    return json.loads(read(os.path.join(folder, name, "stage.json")))["result"]


def check_table(table, models, tasks):
    scores = [[task["loss"] for task in row["tasks"].values()] for row in table["rows"]]
    expect([len(row) for row in scores] == [tasks] * models, f"{models} models on {tasks} tasks, found {scores}")
    expect(all(loss > 0 for row in scores for loss in row) and all(row["bench"] for row in table["rows"]), table["rows"])


def check_paper(name):
    sizes = name.rsplit("-", 1)[1]
    folder, table, _ = run_recipe(
        name, "precision=fp32", "device=cpu", "defaults.uptrain.original_steps=40", "defaults.uptrain.batch={examples: 2, micro_batch: 1}",
        "defaults.uptrain.data={mixture: {c4: 1.0}, source_length: 48}", "defaults.uptrain.evaluate_at=[0, 5%]",
        "defaults.uptrain.validate={corpus: c4_validation, every: 1, rows: 4}", "defaults.finetune.steps=2",
        "defaults.finetune.batch={examples: 2, micro_batch: 1}", "defaults.finetune.validate_every=2",
        "defaults.evaluate={split: test, precision: fp32, max_length: 4, bootstrap: 100}",
        "stages.speed.bench={from: [mha, gqa_up, mqa_up], batch: 2, source: 16, target: 4, repeats: 1, precision: fp32}")
    check_table(table, models=3, tasks=7)
    expect(stage(folder, "gqa_up")["steps"] == 2 and stage(folder, "mha_arxiv")["steps"] == 2, "not two steps")
    heads = {model: json.loads(read(os.path.join(folder, f"{model}_export/model/config.json"))).get("num_key_value_heads")
             for model in ("gqa", "mqa")}
    expected = {"small": 3, "base": 6}.get(sizes, 8)
    expect(heads == {"gqa": expected, "mqa": 1}, heads)
    expanded = json.loads(read(os.path.join(folder, "gqa_expanded/model/config.json")))
    expect(expanded["num_heads"] == HEADS[sizes] and "num_key_value_heads" not in expanded, expanded)
    shutil.rmtree(folder)


def paper_recipes_run_with_tiny_checkpoints():
    os.environ["REGROUP_MODELS"], os.environ["REGROUP_DATA"] = MODELS, DATA
    write_models()
    write_c4()
    write_tasks()
    for name in PAPER:
        check_paper(name)


def the_others_run_with_a_tiny_model():
    for name in RECIPES:
        if name in PAPER or name == "merges":
            continue
        data = [] if name == "quickstart" else small_data()
        folder, table, _ = run_recipe(
            name, "stages.parent.pretrain.steps=2", "stages.parent.pretrain.batch={examples: 4}",
            "stages.parent.pretrain.validate={corpus: heldout, rows: 4}",
            "stages.parent.pretrain.model={d_model: 32, d_kv: 4, d_ff: 48, num_layers: 1, num_decoder_layers: 1}",
            "defaults.finetune.steps=2", "defaults.finetune.batch={examples: 4}", "defaults.finetune.validate_rows=2",
            "defaults.evaluate={split: test, max_length: 4, bootstrap: 100}",
            "stages.speed.bench={from: [parent, gqa_up, mqa_up], batch: 2, source: 16, target: 4, repeats: 1}", *data)
        check_table(table, models=3, tasks=3)
        shutil.rmtree(folder)


def merges_run_with_a_tiny_model():
    folder, table, _ = run_recipe(
        "merges", "stages.parent.pretrain.steps=8", "stages.parent.pretrain.batch={examples: 4}",
        "stages.parent.pretrain.validate={corpus: heldout, rows: 4}", "stages.parent.pretrain.save={every: 1, keep_every: 1}",
        "stages.parent.pretrain.model={d_model: 32, d_kv: 4, d_ff: 48, num_layers: 1, num_decoder_layers: 1, num_heads: 8}",
        "for_each.age={eighth: {step: 1}, quarter: {step: 2}, half: {step: 4}}", "for_each.merge.distilled.distillation=2",
        "defaults.calibrate={rows: 8}", "defaults.finetune.steps=2", "defaults.finetune.batch={examples: 4}",
        "defaults.finetune.validate_rows=2", "defaults.evaluate={split: test, max_length: 4, bootstrap: 100}",
        *(flag for flag in small_data() if "en_de" not in flag))
    expect(len(table["rows"]) == 4 and all(len(row["tasks"]) == 2 for row in table["rows"]), table["rows"])
    expect(len(table["recovery"]["rows"]) == 3 + 7 * 3 + 7, table["recovery"])
    covariance, mean = (stage(folder, f"{merge}_mqa_half")["damage"][0] for merge in ("covariance", "mean"))
    expect(covariance["refined"] < covariance["merged"] < mean["merged"], (covariance, mean))
    shutil.rmtree(folder)


def small_data():
    """recipes/small.yaml reads what scripts/fetch_data makes; the sample has the same rows in less number."""
    sample = os.path.join(SOURCE, "data/sample")
    pairs = {"titles": "summarization", "en_de": "translation", "package_qa": "qa"}
    return [f"tokenizer.train.files=[{sample}/prose.jsonl.gz]", "tokenizer.train.vocab_size=2000",
            f"corpora.prose.files=[{sample}/prose.jsonl.gz]", f"corpora.heldout.files=[{sample}/prose_heldout.jsonl.gz]",
            *(f"tasks.{task}.{split}={sample}/{task}/{split}.jsonl.gz" for task in pairs for split in ("train", "dev", "test"))]


def without_the_data_plan_says_what_to_set():
    for variable in ("REGROUP_MODELS", "REGROUP_DATA"):
        os.environ.pop(variable, None)
    recipe = os.path.join(SOURCE, "recipes/t5-v1_1-xl.yaml")
    code, stdout, stderr = run("plan", recipe)
    expect(code == 2 and "export REGROUP_DATA=" in stderr and "export REGROUP_MODELS=" in stderr, stderr)
    code, stdout, stderr = run("plan", recipe, "--device-spec", "h100:8", "--json")
    plan = json.loads(stdout)
    expect(code == 0 and not plan["problems"] and "8 x h100" in plan["device"], stderr)
    stages = {row["name"]: row for row in plan["stages"]}
    expect(stages["mha"]["parameters"] == 2_849_757_184, stages["mha"])
    expect(stages["gqa_up"]["kv_bytes_per_position"] == {"decoder_self": 24 * 2 * 8 * 64 * 4, "cross": 24 * 2 * 8 * 64 * 4}, "")
    expect(stages["gqa_up"]["steps"] == 50_000 and stages["gqa_up"]["tokens"] == 50_000 * 2048 * 114, stages["gqa_up"])


def a_copy_plans_from_any_folder():
    copy = os.path.join(FOLDER.name, "mine.yaml")
    code, _, stderr = run("recipes", "copy", "flan-t5-small", "--to", copy)
    expect(code == 0 and "${REGROUP_DATA}" in read(copy), stderr)
    code, stdout, stderr = run("plan", copy, "--device-spec", "h100", "--json", cwd="/")
    expect(code == 0 and len(json.loads(stdout)["stages"]) == 53, stderr)


main([paper_recipes_run_with_tiny_checkpoints, the_others_run_with_a_tiny_model, merges_run_with_a_tiny_model,
      without_the_data_plan_says_what_to_set, a_copy_plans_from_any_folder])
