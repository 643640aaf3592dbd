"""Usage errors, help and exit codes of the real binary: exit 2, a message that helps, nothing on stdout, nothing written."""

import json
import os
import tempfile

from regroup_cli import expect, main, run, write_tiny


def usage_error(arguments, *parts):
    code, out, err = run(*arguments)
    expect(code == 2, f"{arguments}: exit {code}, expected 2\n{err}")
    expect(out == "", f"{arguments}: stdout holds results only, found {out!r}")
    for part in parts:
        expect(part in err, f"{arguments}: {part!r} is not in\n{err}")


def unknown_commands_suggest_the_nearest():
    usage_error(["rnu"], 'there is no command "rnu"', 'did you mean "run"')
    usage_error(["bench", "decod"], 'did you mean "decode"')
    usage_error([], "a command is missing")


def unknown_flags_suggest_the_nearest():
    usage_error(["convert", "--form", "a"], "there is no option --form", "--from")
    usage_error(["plan", "x.yaml", "--jsn"], "--json")
    usage_error(["run", "a.yaml", "b.yaml"], 'unexpected argument "b.yaml"')


def missing_and_wrong_values_name_the_flag():
    usage_error(["convert", "--from", "a", "--to", "b"], "--kv-heads")
    usage_error(["metrics", "--metric", "blue", "--predictions", "a", "--references", "b"], 'found "blue"', 'did you mean "bleu"')
    usage_error(["plan", "x.yaml", "--threads", "many"], "--threads", "whole number")
    usage_error(["run"], "recipe")


def help_begins_with_examples():
    for command in ["run", "plan", "convert", "export", "inspect", "score", "generate", "evaluate", "metrics", "doctor"]:
        code, out, err = run(command, "--help")
        expect(code == 0 and err == "", f"{command} --help: exit {code}, {err}")
        expect(out.index(f"  regroup {command}") < out.index("Options"), f"{command}: examples come first\n{out}")
    code, out, _ = run("--help")
    expect(code == 0 and "  run " in out and "doctor" in out, out)


def missing_files_are_the_users_fault():
    with tempfile.TemporaryDirectory() as folder:
        usage_error(["run", f"{folder}/no.yaml"], "no.yaml: there is no such recipe")
        usage_error(["inspect", f"{folder}/nothing"], "there is no such file or folder")
        usage_error(["convert", "--from", f"{folder}/no", "--to", f"{folder}/to", "--kv-heads", "2"], f"{folder}/no")
        expect(os.listdir(folder) == [], f"something was written: {os.listdir(folder)}")


def a_wrong_recipe_lists_all_problems_and_writes_nothing():
    with tempfile.TemporaryDirectory() as folder:
        recipe = write_tiny(folder)
        with open(recipe, encoding="utf-8") as file:
            text = file.read()
        with open(recipe, "w", encoding="utf-8") as file:
            file.write(text.replace("steps: 60", "stpes: 60").replace("from: gqa_copy, task", "from: gqa_cpoy, task"))
        usage_error(["run", recipe, "--out", f"{folder}/out"], "recipe.yaml:", 'did you mean "steps"', 'did you mean "gqa_copy"')
        expect(not os.path.exists(f"{folder}/out"), "the run folder was made")
        code, out, _ = run("plan", recipe, "--json")
        problems = json.loads(out)["problems"]
        expect(code == 2 and len(problems) >= 2, problems)
        expect(all(set(problem) == {"place", "message"} for problem in problems), problems)


def plan_prints_every_stage_and_writes_nothing():
    with tempfile.TemporaryDirectory() as folder:
        recipe = write_tiny(folder)
        before = sorted(os.listdir(folder))
        code, out, err = run("plan", recipe, "--json", cwd=folder)
        expect(code == 0, err)
        plan = json.loads(out)
        expect(plan["problems"] == [], plan)
        names = [stage["name"] for stage in plan["stages"]]
        expect(names.index("gqa") < names.index("gqa_up") < names.index("table"), names)
        heads = {stage["name"]: stage["kv_bytes_per_position"]["cross"] for stage in plan["stages"]}
        expect(heads["gqa"] * 2 == heads["parent"] and heads["mqa"] * 4 == heads["parent"], heads)
        code, out, err = run("plan", recipe, cwd=folder)
        expect(code == 0 and "gqa_up" in out and "in all about" in out, out + err)
        expect(sorted(os.listdir(folder)) == before, "plan wrote something")


def shown_recipes_plan_clean_from_any_folder():
    code, out, err = run("recipes", "list", "--json")
    expect(code == 0, err)
    for recipe in json.loads(out):
        code, text, err = run("recipes", "show", recipe["name"])
        expect(code == 0, err)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "copy.yaml")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            if recipe["name"] == "quickstart":  # others need data that is fetched first
                code, _, err = run("plan", path, cwd=folder)
                expect(code == 0, err)


def metrics_and_tokenizers_work_from_files():
    with tempfile.TemporaryDirectory() as folder:
        write_tiny(folder)
        for name in ("p.txt", "r.txt"):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write("the cat sat on the mat\n")
        code, out, err = run("metrics", "--metric", "bleu", "--predictions", "p.txt", "--references", "r.txt", "--json", cwd=folder)
        expect(code == 0 and abs(json.loads(out)["bleu"] - 100) < 1e-6, out + err)
        code, out, err = run("tokenize", "train", "--files", "text.txt", "--vocab-size", "120", "--to", "tok", cwd=folder)
        expect(code == 0, err)
        code, out, err = run("tokenize", "encode", "--tokenizer", "tok", "the model reads", cwd=folder)
        expect(code == 0, err)
        code, back, err = run("tokenize", "decode", "--tokenizer", "tok", out.strip(), cwd=folder)
        expect(code == 0 and back.strip() == "the model reads", back + err)
        code, out, err = run("inspect", "tok", "--json", cwd=folder)
        expect(code == 0 and json.loads(out)["kind"] == "tokenizer", out + err)
        code, out, err = run("inspect", "train.jsonl", "--json", cwd=folder)
        expect(code == 0 and json.loads(out)["keys"] == {"text": 40, "word": 40}, out + err)


main([unknown_commands_suggest_the_nearest, unknown_flags_suggest_the_nearest, missing_and_wrong_values_name_the_flag,
      help_begins_with_examples, missing_files_are_the_users_fault,
      a_wrong_recipe_lists_all_problems_and_writes_nothing, plan_prints_every_stage_and_writes_nothing,
      shown_recipes_plan_clean_from_any_folder, metrics_and_tokenizers_work_from_files])
