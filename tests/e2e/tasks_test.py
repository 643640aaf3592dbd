#!/usr/bin/env python3
"""TriviaQA through the real binary: a tiny model is fine-tuned on windows of its documents and evaluated; BoolQ beside it."""
import json
import os
import shutil
import tempfile

from regroup_cli import SOURCE, TINY, expect, main, read, run, write_tiny

DATA = os.path.join(SOURCE, "tests", "unit", "pipeline", "task_data")
TASK = """
name: trivia_qa
input: "question: {question} context: {context}"
target: "{answers}"
reader: trivia_qa
window: context
lengths: {source: 150, target: 40}
metrics: [trivia_qa]
"""
RECIPE = TINY.split("for_each:")[0] + """
stages:
  parent:
    pretrain:
      model: {d_model: 32, d_kv: 8, d_ff: 48, num_layers: 1, num_decoder_layers: 1, num_heads: 4}
      data: {mixture: {prose: 1}, source_length: 32}
      steps: 2
      batch: {examples: 4}
  trivia: {finetune: {from: parent, task: trivia, steps: 4, batch: {examples: 4}}}
  trivia_scores: {evaluate: {from: trivia, task: trivia, split: test, bootstrap: 100}}
  boolq: {finetune: {from: parent, task: boolq, steps: 2, batch: {examples: 2}}}
  boolq_scores: {evaluate: {from: boolq, task: boolq, split: test, bootstrap: 100}}
"""


def write_recipe(folder):
    path = write_tiny(folder)
    shutil.copytree(os.path.join(DATA, "trivia_qa"), os.path.join(folder, "trivia_qa"))
    for name in ("dev", "test"):
        shutil.copy(os.path.join(folder, "trivia_qa/qa/wikipedia-train.json"),
                    os.path.join(folder, f"trivia_qa/qa/{name}.json"))
    for name in ("train", "dev", "test"):
        shutil.copy(os.path.join(DATA, "boolq/test.jsonl"), os.path.join(folder, f"boolq_{name}.jsonl"))
    with open(os.path.join(folder, "trivia.yaml"), "w", encoding="utf-8") as file:
        file.write(TASK)
    tasks = f"""tasks:
  trivia: {{task: trivia.yaml, train: trivia_qa/qa/wikipedia-train.json, dev: trivia_qa/qa/dev.json, test: trivia_qa/qa/test.json}}
  boolq: {{task: {SOURCE}/configs/task/boolq.yaml, train: boolq_train.jsonl, dev: boolq_dev.jsonl, test: boolq_test.jsonl}}
"""
    with open(path, "w", encoding="utf-8") as file:
        head, tail = RECIPE.split("tasks:\n", 1)
        file.write(head + tasks + tail.split("\n", 1)[1])
    return path


def trivia_qa_trains_on_windows_and_is_evaluated():
    with tempfile.TemporaryDirectory() as folder:
        recipe = write_recipe(folder)
        code, out, err = run("run", recipe, cwd=folder)
        expect(code == 0, err)
        expect("2 questions with 4 documents, 2 of them without any answer and left out" in err, err)
        found = json.loads(read(f"{folder}/runs/tiny/trivia_scores/evaluation.json"))
        expect(found["rows"] == 2 and set(found["metrics"]) == {"exact_match", "f1"}, found)
        references = [json.loads(line)["references"] for line in
                      read(f"{folder}/runs/tiny/boolq_scores/predictions.jsonl").splitlines()]
        expect(references == [["True"], ["False"]], references)


def evaluate_finds_the_evidence_of_a_relative_path():
    with tempfile.TemporaryDirectory() as folder:
        recipe = write_recipe(folder)
        code, _, err = run("run", recipe, cwd=folder)
        expect(code == 0, err)
        models = [path for path, _, names in os.walk(f"{folder}/runs/tiny/parent") if "spiece.model" in names]
        for place, data in ((f"{folder}/trivia_qa/qa", "test.json"), (f"{folder}/trivia_qa", "qa/test.json")):
            code, out, err = run("evaluate", "--model", models[0], "--task", f"{folder}/trivia.yaml", "--data", data,
                                 "--json", cwd=place)
            expect(code == 0 and json.loads(out)["rows"] == 2, err)


def a_missing_document_is_named_before_anything_runs():
    with tempfile.TemporaryDirectory() as folder:
        recipe = write_recipe(folder)
        os.remove(f"{folder}/trivia_qa/evidence/web/12/12_33.txt")
        code, _, err = run("plan", recipe, cwd=folder)
        expect(code == 2 and "evidence/web/12/12_33.txt: is missing" in err, (code, err))
        code, _, err = run("run", recipe, cwd=folder)
        expect(code == 2 and "evidence/web/12/12_33.txt: is missing" in err, (code, err))
        expect(not os.path.exists(f"{folder}/runs/tiny/parent"), "something ran")


if __name__ == "__main__":
    main([trivia_qa_trains_on_windows_and_is_evaluated, evaluate_finds_the_evidence_of_a_relative_path,
          a_missing_document_is_named_before_anything_runs])
