"""Runs the real binary for the e2e tests: arguments in, (exit code, stdout, stderr) out, and a tiny recipe."""

import json
import os
import signal
import subprocess
import sys
import time
import traceback

BINARY = os.environ["REGROUP_BINARY"]
SOURCE = os.environ["REGROUP_SOURCE_DIR"]


def run(*arguments, cwd=None, stdin="", timeout=600):
    done = subprocess.run([BINARY, *map(str, arguments)], cwd=cwd, input=stdin, capture_output=True, text=True,
                          timeout=timeout)
    return done.returncode, done.stdout, done.stderr


def start(*arguments, cwd=None):
    return subprocess.Popen([BINARY, *map(str, arguments)], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True)


def killed_after(arguments, metrics, step, cwd=None):
    """Starts the command and kills it with -9 once `metrics` holds the line of this step."""
    process = start(*arguments, cwd=cwd)
    while process.poll() is None and not (os.path.exists(metrics) and f'"step":{step},' in read(metrics)):
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    expect(process.returncode == -signal.SIGKILL, process.returncode)


def quality(run_folder):
    """The comparison's table without its times."""
    table = json.loads(read(f"{run_folder}/table/table.json"))
    rows = [{key: value for key, value in row.items() if key != "bench"} for row in table["rows"]]
    return {"rows": rows, "recovery": table["recovery"]}


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def expect(condition, message):
    if not condition:
        raise AssertionError(message)


def main(tests):
    """Runs every test function and ends with the number of failures as exit code."""
    failed = 0
    for test in tests:
        try:
            test()
            print(f"ok      {test.__name__}", flush=True)
        except Exception:  # a failed test must not hide the others
            failed += 1
            print(f"FAILED  {test.__name__}", flush=True)
            traceback.print_exc()
    sys.exit(1 if failed else 0)


# A model of a few thousand weights on a hundred sentences: a whole line in seconds.
TINY = """
name: tiny
seed: 3
device: cpu
tokenizer: {train: {files: [text.txt], vocab_size: 120, extra_ids: 20}}
corpora:
  prose: {files: [text.txt], format: text}
  held: {files: [held.txt], format: text}
tasks:
  copy: {task: copy.yaml, train: train.jsonl, dev: dev.jsonl, test: test.jsonl}
for_each: {v: {gqa: {kv_heads: 2}, mqa: {kv_heads: 1}}}
stages:
  parent:
    pretrain:
      model: {d_model: 32, d_kv: 8, d_ff: 48, num_layers: 1, num_decoder_layers: 1, num_heads: 4, dropout_rate: 0.1}
      data: {mixture: {prose: 1}, source_length: 32}
      steps: 60
      batch: {examples: 8, micro_batch: 4}
      optimizer: {learning_rate: {schedule: rsqrt, warmup_steps: 100}}
      validate: {corpus: held, every: 20, rows: 8}
      save: {every: 7}
      log_every: 5
  "{v}": {convert: {from: parent, kv_heads: "{v.kv_heads}"}}
  "{v}_up": {uptrain: {from: "{v}", alpha: 5%, optimizer_state: keep, evaluate_at: [0, 5%]}}
  gqa_copy:
    finetune: {from: gqa_up, task: copy, steps: 100, batch: {examples: 4}, validate_every: 20, optimizer: {learning_rate: 0.01}}
  scores: {evaluate: {from: gqa_copy, task: copy, split: test, bootstrap: 100, beams: 2}}
  plain: {export: {from: gqa_copy, expand_kv: true}}
  speed: {bench: {from: [parent, "{v}_up"], batch: 2, source: 16, target: 4, repeats: 1}}
  table: {compare: {rows: [scores], bench: speed, recovery: ["{v}_up"]}}
"""

COPY_TASK = """
name: copy
input: "copy: {text}"
target: "{word}"
reader: jsonl
lengths: {source: 32, target: 8}
metrics: [exact_match, rouge]
"""

WORDS = ("the a small large model reads text and writes words of every kind while people wait for heads keys values "
         "that merge into groups so decoding gets faster on old and new machines").split()


def sentence(number):
    return " ".join(WORDS[(number * (k + 3) + k * k) % len(WORDS)] for k in range(6 + number % 7))


def write_tiny(folder, recipe=TINY):
    """Writes recipe, texts and task rows into `folder`; returns the recipe's path."""
    def put(name, text):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def rows(first, last):
        return "".join('{"text": "%s", "word": "%s"}\n' % (sentence(n), sentence(n).split()[0]) for n in range(first, last))

    put("text.txt", "".join(sentence(n) + "\n" for n in range(400)))
    put("held.txt", "".join(sentence(n) + "\n" for n in range(1000, 1060)))
    put("copy.yaml", COPY_TASK)
    put("train.jsonl", rows(0, 40))
    put("dev.jsonl", rows(40, 48))
    put("test.jsonl", rows(48, 60))
    put("recipe.yaml", recipe)
    return os.path.join(folder, "recipe.yaml")
