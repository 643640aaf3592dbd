"""One's own checkpoint and rows become a recipe that plans clean and runs to exported models; what does not fit is named."""
import gzip
import json
import os
import tempfile

from regroup_cli import TINY, expect, main, read, run, sentence, write_tiny

FOLDER = tempfile.TemporaryDirectory()
# A few steps each.
SETS = [f"{v}_up.uptrain.{key}" for v in ("parent", "gqa", "mqa") for key in ("alpha=4e-6", "evaluate_at=[0]")] + \
    [f"{m}_mine.finetune.steps=3" for m in ("parent", "gqa", "mqa")]
SMALL = [part for text in SETS for part in ("--set", "stages." + text)]


def path(*names):
    return os.path.join(FOLDER.name, *names)


def put(name, rows, opener=open):
    with opener(path(name), "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path(name)


def make_checkpoint():
    code, _, err = run("run", write_tiny(FOLDER.name, TINY.replace("steps: 60", "steps: 2")), "--out", path("made"), "--only", "tokenizer", "--only", "parent")
    expect(code == 0, err)
    step = [name for name in os.listdir(path("made", "parent")) if name.startswith("step-")][0]
    os.rename(path("made", "parent", step), path("model"))
    for name in ("regroup.json", "optimizer.safetensors", "progress.json", "manifest.json"):
        os.remove(path("model", name))


ROWS = [{"article": sentence(n), "summary": sentence(n).split()[0], "url": f"u{n}"} for n in range(60)]


def copy(to, data, *more):
    return run("recipes", "copy", "uptrain-mine", "--model", path("model"), "--data", data, "--to", path(to), *more, cwd=FOLDER.name)


def own_rows_become_evaluated_exported_models():
    make_checkpoint()
    code, out, err = copy("mine", put("rows.jsonl", ROWS), "--json")
    expect(code == 0 and "next:" not in err, err)
    made = json.loads(out)
    expect(made["input"] == "summarize: {article}" and made["target"] == "{summary}" and made["metric"] == "rouge", made)
    expect((made["train"], made["dev"], made["test"]) == (54, 3, 3), made)
    parts = [set(read(path("mine", f"{part}.jsonl")).splitlines()) for part in ("train", "dev", "test")]
    expect([len(part) for part in parts] == [54, 3, 3] and len(set.union(*parts)) == 60, "rows are lost or stand twice")
    code, out, err = run("plan", made["recipe"], "--json", cwd="/")
    expect(code == 0 and json.loads(out)["problems"] == [], err)
    code, out, err = run("run", made["recipe"], "--out", path("run"), *SMALL)
    expect(code == 0 and "Quality" in out and "GQA-2" in out and "MQA" in out, out + err)
    table = json.loads(read(path("run", "table", "table.json")))
    expect(len(table["rows"]) == 3 and all(row["bench"]["ms_per_sample"] > 0 for row in table["rows"]), table["rows"])
    code, out, err = run("report", path("run"), "--json")
    found = json.loads(out)["tables"]
    names = [row["model"] for row in found["quality"]]
    expect(names == ["MHA", "GQA-2", "MQA"], found["quality"])
    expect([row["model"] for row in found["speed"]] == names, found["speed"])
    expect([row["model"] for row in found["quality_against_time"]] == names, found["quality_against_time"])
    for stage in ("parent_export", "gqa_export", "mqa_export"):
        config = json.loads(read(path("run", stage, "model", "config.json")))
        expect("kv_heads" not in config, "the export is not plain")


def the_split_does_not_depend_on_the_order_of_rows():
    code, _, err = copy("again", put("turned.jsonl.gz", ROWS[::-1], gzip.open))
    expect(code == 0, err)
    for part in ("dev", "test"):
        expect(set(read(path("again", f"{part}.jsonl")).splitlines()) == set(read(path("mine", f"{part}.jsonl")).splitlines()), part)


def rows_of_text_alone_are_uptrained_on():
    code, out, err = copy("texts", put("texts.jsonl", [{"text": sentence(n)} for n in range(40)]))
    expect(code == 0 and "task:" not in out and not os.path.exists(path("texts", "task.yaml")), out + err)
    code, _, err = run("plan", path("texts", "recipe.yaml"))
    expect(code == 0, err)


def templates_can_be_given():
    rows = put("odd.jsonl", [{"a": sentence(n), "b": str(n % 2)} for n in range(40)])
    code, _, err = copy("odd", rows)
    expect(code == 2 and "odd.jsonl:1: the fields a, b are of no task" in err and "--input" in err, err)
    expect(not os.path.exists(path("odd")), "something was written")
    code, out, err = copy("odd", rows, "--input", "is it odd: {a}", "--target", "{b}", "--metric", "accuracy")
    expect(code == 0 and "is it odd: {a} -> {b}, accuracy" in out, out + err)
    code, _, err = run("plan", path("odd", "recipe.yaml"))
    expect(code == 0, err)


def what_does_not_fit_is_named_and_nothing_is_written():
    def refused(*parts, to="no", data=None, more=()):
        code, out, err = copy(to, data or path("rows.jsonl"), *more)
        expect(code == 2 and out == "" and all(part in err for part in parts), err)
        expect(to != "no" or not os.path.exists(path("no")), "something was written")

    refused("is not empty", to="mine")
    refused("few.jsonl: holds 5 rows, expected at least 20", data=put("few.jsonl", ROWS[:5]))
    refused('torn.jsonl:31: has no field "summary"', data=put("torn.jsonl", ROWS[:30] + [{"article": "a"}] + ROWS[31:]))
    refused("--target: is missing", more=("--input", "{article}"))
    code, _, err = run("recipes", "copy", "quickstart", "--model", path("model"), cwd=FOLDER.name)
    expect(code == 2 and "--model: has no effect" in err, err)
    code, _, err = run("recipes", "copy", "uptrain-mine", "--data", path("rows.jsonl"), cwd=FOLDER.name)
    expect(code == 2 and "--model: is missing" in err, err)
    code, _, err = run("recipes", "copy", "quickstrat", cwd=FOLDER.name)
    expect(code == 2 and 'did you mean "quickstart"' in err, err)


def a_shipped_recipe_is_copied_once():
    code, out, err = run("recipes", "copy", "quickstart", "--to", path("q.yaml"))
    expect(code == 0 and out == f"written: {path('q.yaml')}\n", out + err)
    code, _, err = run("plan", path("q.yaml"), cwd="/")
    expect(code == 0, err)
    code, _, err = run("recipes", "copy", "quickstart", "--to", path("q.yaml"))
    expect(code == 2 and "is there already" in err, err)


main([own_rows_become_evaluated_exported_models, the_split_does_not_depend_on_the_order_of_rows,
      rows_of_text_alone_are_uptrained_on, templates_can_be_given, what_does_not_fit_is_named_and_nothing_is_written,
      a_shipped_recipe_is_copied_once])
