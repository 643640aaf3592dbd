"""Usage errors, help and exit codes of the real binary: exit 2, a message that helps, nothing on stdout, nothing written."""

import json
import os
import resource
import signal
import subprocess
import tempfile
import time

from regroup_cli import BINARY, SOURCE, expect, main, run, write_tiny

MODEL = os.path.join(SOURCE, "tests/golden/checkpoint/transformers5/v1_1")  # 24 ids, no vocabulary


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
        expect(out.index(f"  regroup {command}") < out.index("ptions\n"), f"{command}: examples come first\n{out}")
    code, out, _ = run("--help")
    expect(code == 0 and "  run " in out and "doctor" in out, out)
    code, out, _ = run("--version")
    expect(code == 0 and out.startswith("regroup ") and "LibTorch 2." in out, out)


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


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "wb" if isinstance(text, bytes) else "w") as file:
        file.write(text)
    return path


def a_switch_takes_true_or_false_and_nothing_else():
    with tempfile.TemporaryDirectory() as folder:
        convert = ["convert", "--from", MODEL, "--to", f"{folder}/to", "--kv-heads", "1"]
        code, _, err = run(*convert)
        expect(code == 0, err)
        usage_error([*convert, "--overwrite=false"], "is not empty")
        usage_error([*convert, "--overwrite=5"], "--overwrite", "expected true or false")
        for given in ("--overwrite=true", "--overwrite"):
            code, _, err = run(*convert, given)
            expect(code == 0, err)


def an_empty_value_names_its_option():
    usage_error(["convert", "--from", "", "--to", "b", "--kv-heads", "1"], "--from: is empty")
    usage_error(["bench", "decode", "--model", ""], "--model: is empty")


def common_options_are_checked_against_the_command():
    for command in (["plan", "x.yaml"], ["convert", "--from", "a", "--to", "b", "--kv-heads", "1"], ["doctor"]):
        usage_error([*command, "--device", "tpu"], 'found "tpu", expected auto, cpu, cuda or cuda:N')
        usage_error([*command, "--device", "cuda:x"], "expected auto, cpu, cuda or cuda:N")
    score = ["score", "--model", MODEL, "--data", "a"]
    usage_error([*score, "--device", "cuda:1"], "regroup score computes on the CPU; leave --device out")
    usage_error([*score, "--device", "cpu"], "a: cannot open the file")
    for command in (["convert", "--from", "a", "--to", "b", "--kv-heads", "1"], ["export", "--from", "a", "--to", "b"], ["inspect", "a"],
                    ["metrics", "--metric", "bleu", "--predictions", "a", "--references", "b"], ["recipes", "list"],
                    ["tokenize", "encode", "--tokenizer", "a", "b"], ["doctor"]):
        usage_error([*command, "--precision", "bf16"], "--precision: has no effect on regroup " + command[0])
    shown = {"convert": [], "score": ["--precision"], "plan": ["--device", "--precision"]}
    for command, used in shown.items():
        _, out, _ = run(command, "--help")
        found = [option for option in ("--device", "--precision") if option in out]
        expect(found == used, f"{command} --help shows {found}")
        expect("--seed" in out and "--threads" in out, out)


def json_is_one_object_for_vocabularies_and_recipes():
    with tempfile.TemporaryDirectory() as folder:
        write_tiny(folder)
        train = ["tokenize", "train", "--files", "text.txt", "--vocab-size", "120", "--to"]
        code, out, err = run(*train, "tok", "--json", cwd=folder)
        expect(code == 0, err)
        made = json.loads(out)
        expect(made["folder"] == "tok" and made["sentinels"] == 100 and made["vocab_size"] > 100, made)
        usage_error([*train, f"{folder}/text.txt/tok"], "is a file")
    code, out, err = run("recipes", "show", "quickstart", "--json")
    expect(code == 0 and "stages" in json.loads(out), err)


def a_vocabulary_smaller_than_asked_is_mentioned():
    with tempfile.TemporaryDirectory() as folder:
        write_tiny(folder)
        code, out, err = run("tokenize", "train", "--files", "text.txt", "--vocab-size", "9k", "--to", "tok", cwd=folder)
        expect(code == 0 and "pieces of the 9000 asked for" in err, err)


def text_that_is_no_utf8_is_refused_with_its_line():
    with tempfile.TemporaryDirectory() as folder:
        write_tiny(folder)
        code, _, err = run("tokenize", "train", "--files", "text.txt", "--vocab-size", "120", "--to", "tok", cwd=folder)
        expect(code == 0, err)
        write(folder, "bad.txt", b"good line\nbad \xff line\n")
        usage_error(["tokenize", "train", "--files", f"{folder}/bad.txt", "--to", f"{folder}/no"], "bad.txt:2: not valid UTF-8 (column 5)")
        expect(not os.path.exists(f"{folder}/no"), "a folder was left")
        with open(f"{folder}/bad.txt", "rb") as text:
            done = subprocess.run([BINARY, "tokenize", "encode", "--tokenizer", f"{folder}/tok"], stdin=text, capture_output=True)
        expect(done.returncode == 2 and b"standard input:2: not valid UTF-8" in done.stderr, done)
        code, out, err = run("tokenize", "encode", "--tokenizer", "tok", "--", "--the model", cwd=folder)
        expect(code == 0 and out.strip(), err)


def outputs_that_cannot_be_written_are_usage_errors_and_leave_nothing():
    with tempfile.TemporaryDirectory() as folder:
        rows = write(folder, "rows.jsonl", '{"input_ids": [3, 1], "target_ids": [4, 1]}\n')
        write(folder, "file", "x")
        for to in (f"{folder}/file/below", "/proc/regroup"):
            usage_error(["convert", "--from", MODEL, "--to", to, "--kv-heads", "1"], to)
        usage_error(["generate", "--model", MODEL, "--data", rows, "--output", f"{folder}/no/x"], f"{folder}/no")
        usage_error(["generate", "--model", MODEL, "--data", rows, "--output", rows], "is the --data file itself")
        usage_error(["evaluate", "--model", MODEL, "--task", "titles", "--data", rows, "--predictions", f"{folder}/no/x"], f"{folder}/no")
        expect(sorted(os.listdir(folder)) == ["file", "rows.jsonl"], os.listdir(folder))


def damaged_and_foreign_inputs_are_named():
    with tempfile.TemporaryDirectory() as folder:
        deep = write(folder, "deep.jsonl", "[" * 100000 + "\n")
        usage_error(["score", "--model", MODEL, "--data", deep], "deep.jsonl:1", "nested deeper than 100")
        empty = write(folder, "empty.jsonl", "")
        usage_error(["score", "--model", MODEL, "--data", empty], "holds no rows")
        usage_error(["generate", "--model", MODEL, "--data", empty, "--max-length", "99999999999999"], "--max-length", "at most 1000000")
        usage_error(["generate", "--model", MODEL, "--data", empty, "--n-best", "3", "--beams", "2"], "--n-best", "found 3", "2 beams")
        usage_error(["generate", "--model", MODEL, "--data", empty, "--early-stopping", "maybe"], "--early-stopping", "never")
        usage_error(["generate", "--model", MODEL, "--data", empty, "--forced-bos-token-id", "24"], "forced_bos_token_id", "from 0 to 23")
        usage_error(["evaluate", "--model", MODEL, "--task", "titles", "--data", empty, "--max-length", "99999999999999"], "--max-length")
        task = write(folder, "task.yaml", 'name: t\ninput: "{a}"\ntarget: "{b}"\nlengths: {source: 8, target: 8}\n'
                     "metrics: [rouge]\nmetric_options: {tokenize: intl}\n")
        usage_error(["evaluate", "--model", MODEL, "--task", task, "--data", empty], "tokenize", "has no effect")


def a_batch_beyond_all_memory_is_one_clear_sentence():
    code, out, err = run("bench", "decode", "--model", MODEL, "--batch", "1", "--source", "1", "--target", "90000000000000")
    expect(code == 1 and out == "" and "error: memory: there is not enough" in err and err.count("\n") == 1, err)


def inspect_tells_tensors_vocabularies_and_stages_from_data():
    code, out, err = run("inspect", f"{MODEL}/model.safetensors", "--json")
    found = json.loads(out)
    expect(code == 0 and found["kind"] == "tensors" and len(found["tensors"]) > 10, err)
    code, out, _ = run("inspect", f"{MODEL}/model.safetensors")
    expect(code == 0 and "shared.weight" in out and "broken" not in out, out)
    with tempfile.TemporaryDirectory() as folder:
        write_tiny(folder)
        code, _, err = run("tokenize", "train", "--files", "text.txt", "--vocab-size", "120", "--to", "tok", cwd=folder)
        code, out, err = run("inspect", "tok/spiece.model", "--json", cwd=folder)
        expect(code == 0 and json.loads(out)["kind"] == "tokenizer", out + err)


def run_json_is_one_object_with_the_tables():
    with tempfile.TemporaryDirectory() as folder:
        recipe = write_tiny(folder)
        code, out, err = run("run", recipe, "--out", f"{folder}/out", "--json", "--threads", "1")
        expect(code == 0, err)
        found = json.loads(out)
        with open(f"{folder}/out/table/table.json", encoding="utf-8") as file:
            expect(found == {"out": f"{folder}/out", "tables": {"table": json.load(file)}}, found)
        code, out, err = run("inspect", f"{folder}/out/parent", "--json")
        stage = json.loads(out)
        expect(code == 0 and stage["kind"] == "stage" and stage["stage_kind"] == "pretrain" and stage["state"] == "finished", out + err)
        code, out, err = run("inspect", f"{folder}/out/parent")
        expect(code == 0 and "pretrain" in out, out + err)


def when_running(*arguments, preexec=None, send=None, **options):
    """Starts the binary, sends a signal once it is at work, and returns (exit code, stderr)."""
    process = subprocess.Popen([BINARY, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               preexec_fn=preexec, **options)
    time.sleep(2)
    process.send_signal(send)
    _, err = process.communicate(timeout=120)
    return process.returncode, err


def default_signals():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def signals_stop_what_polls_and_end_what_does_not():
    bench = ["bench", "decode", "--model", MODEL, "--target", "200000", "--batch", "1", "--source", "4", "--repeats", "1"]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        code, err = when_running(*bench, preexec=default_signals, send=number)
        expect(code == 128 + number, f"{number}: exit {code}\n{err}")
        expect("stopped by a signal" in err and "goes on" not in err, err)
    # It waits for standard input and polls nothing: the first signal ends it.
    with tempfile.TemporaryDirectory() as folder:
        write_tiny(folder)
        code, _, err = run("tokenize", "train", "--files", "text.txt", "--vocab-size", "120", "--to", "tok", cwd=folder)
        expect(code == 0, err)
        read, keep_open = os.pipe()
        code, err = when_running("tokenize", "encode", "--tokenizer", f"{folder}/tok", preexec=default_signals, send=signal.SIGINT, stdin=read)
        os.close(keep_open)
        expect(code == -signal.SIGINT, f"exit {code}\n{err}")


def a_file_size_limit_is_a_failure_with_a_message():
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([BINARY, "convert", "--from", MODEL, "--to", f"{folder}/to", "--kv-heads", "1"],
                              capture_output=True, text=True, preexec_fn=limit)
        expect(done.returncode == 1 and "File too large" in done.stderr, done)
        expect(os.listdir(folder) == [], os.listdir(folder))


def beams_are_ranked_and_independent_of_batches_and_threads():
    with tempfile.TemporaryDirectory() as folder:
        lines = [json.dumps({"input_ids": [3 + (7 * i + j) % 20 for j in range(1 + 5 * i % 11)] + [1]}) for i in range(12)]
        rows = write(folder, "rows.jsonl", "\n".join(lines) + "\n")
        shuffled = write(folder, "back.jsonl", "\n".join(lines[::-1]) + "\n")

        def generate(data, *more):
            code, out, err = run("generate", "--model", MODEL, "--data", data, "--beams", "4", "--n-best", "3",
                                 "--length-penalty", "0.6", "--max-length", "9", "--no-repeat-ngram-size", "2", *more)
            expect(code == 0, err)
            return [[(h["output_ids"], h["finish"]) for h in json.loads(line)["n_best"]] for line in out.splitlines()]
        plain = generate(rows, "--threads", "1")
        expect(len(plain) == 12 and all(len(row) == 3 for row in plain), plain)
        expect(generate(rows, "--threads", "2", "--batch-tokens", "1") == plain, "batches and threads")
        expect(generate(shuffled, "--batch-tokens", "150")[::-1] == plain, "order of rows")
        forced = generate(rows, "--forced-bos-token-id", "5", "--early-stopping", "never", "--length-norm", "t5x")
        expect(all(ids[0] == 5 for row in forced for ids, _ in row), forced)


def closed_descriptors_get_no_results():
    with tempfile.TemporaryDirectory() as folder:
        rows = write(folder, "rows.jsonl", '{"input_ids": [3, 1], "target_ids": [4, 1]}\n')
        done = subprocess.run(f'"{BINARY}" generate --model "{MODEL}" --data "{rows}" --max-length 4 --output "{folder}/o.jsonl" >&- 2>&- <&-',
                              shell=True)
        with open(f"{folder}/o.jsonl", encoding="utf-8") as file:
            lines = file.read().splitlines()
        expect(done.returncode == 0 and len(lines) == 1 and json.loads(lines[0])["output_ids"], lines)
        done = subprocess.run(f'"{BINARY}" score --model "{MODEL}" --data "{rows}" >&-', shell=True, capture_output=True, text=True)
        expect(done.returncode == 1 and "standard output" in done.stderr, done)


main([unknown_commands_suggest_the_nearest, unknown_flags_suggest_the_nearest, missing_and_wrong_values_name_the_flag,
      help_begins_with_examples, missing_files_are_the_users_fault,
      a_wrong_recipe_lists_all_problems_and_writes_nothing, plan_prints_every_stage_and_writes_nothing,
      shown_recipes_plan_clean_from_any_folder, metrics_and_tokenizers_work_from_files,
      a_switch_takes_true_or_false_and_nothing_else, an_empty_value_names_its_option,
      common_options_are_checked_against_the_command, json_is_one_object_for_vocabularies_and_recipes,
      a_vocabulary_smaller_than_asked_is_mentioned, text_that_is_no_utf8_is_refused_with_its_line,
      outputs_that_cannot_be_written_are_usage_errors_and_leave_nothing, damaged_and_foreign_inputs_are_named,
      a_batch_beyond_all_memory_is_one_clear_sentence, inspect_tells_tensors_vocabularies_and_stages_from_data,
      run_json_is_one_object_with_the_tables, signals_stop_what_polls_and_end_what_does_not,
      a_file_size_limit_is_a_failure_with_a_message, closed_descriptors_get_no_results,
      beams_are_ranked_and_independent_of_batches_and_threads])
