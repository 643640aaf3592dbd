"""The first hour: inspect on anything, doctor, help, completion, the line "next: ...", did-you-mean for paths."""

import gzip
import json
import os
import re
import shutil
import struct
import subprocess
import tempfile

from regroup_cli import BINARY, SOURCE, expect, main, run, write_tiny

MODEL = os.path.join(SOURCE, "tests/golden/checkpoint/transformers5/v1_1")  # 24 rows, 2 heads, no vocabulary
K = "decoder.block.0.layer.1.EncDecAttention.k.weight"


def ok(*arguments, **options):
    code, out, err = run(*arguments, **options)
    expect(code == 0, f"{arguments}: exit {code}\n{err}")
    return out, err


def tokenizer_in(folder):
    write_tiny(folder)
    ok("tokenize", "train", "--files", "text.txt", "--vocab-size", "120", "--extra-ids", "20", "--to", "tok", cwd=folder)
    return os.path.join(folder, "tok")


def next_of(err):
    lines = [line for line in err.splitlines() if line.startswith("next: ")]
    expect(len(lines) == 1, f"expected one line \"next:\"\n{err}")
    return lines[0][len("next: "):]


def damage(model, name, values):
    """Overwrites the first values of a float32 tensor."""
    path = os.path.join(model, "model.safetensors")
    with open(path, "rb") as file:
        data = bytearray(file.read())
    size = struct.unpack("<Q", data[:8])[0]
    at = 8 + size + json.loads(data[8:8 + size])[name]["data_offsets"][0]
    data[at:at + 4 * len(values)] = struct.pack(f"<{len(values)}f", *values)
    with open(path, "wb") as file:
        file.write(data)


def a_model_is_described_and_leads_to_convert():
    out, err = ok("inspect", MODEL)
    for part in ("T5 1.1 / Flan", "1 + 2 layers", "2 (multi-head), every layer", "128 fp32, 64 bf16", "24 rows", "not recorded"):
        expect(part in out, f"{part!r} is not in\n{out}")
    expect(f"convert --from {MODEL} --to {os.path.basename(MODEL)}-gqa1 --kv-heads 1" in next_of(err), err)
    expect("shared.weight" not in out, out)
    out, _ = ok("inspect", MODEL, "--tensors")
    expect("shared.weight" in out and "[24, 8]" in out, out)


def nan_is_counted_and_named_not_refused():
    with tempfile.TemporaryDirectory() as folder:
        model = shutil.copytree(MODEL, os.path.join(folder, "model"))
        damage(model, K, [float("nan"), 1e5, float("-inf")])
        out, err = ok("inspect", model)
        expect(f"{K}: 1 NaN, 1 infinite" in out and "1 values are beyond fp16" in out, out)
        expect("another checkpoint" in next_of(err), err)
        found = json.loads(ok("inspect", model, "--json")[0])
        expect(found["not_finite"] == [{"name": K, "nan": 1, "infinite": 1}], found["not_finite"])
        cross = found["values"]["cross-attention"]
        expect(cross["max"] == 1e5 and cross["beyond_fp16"] == 1 and cross["nan"] == 1, cross)
        expect(run("convert", "--from", model, "--to", f"{folder}/to", "--kv-heads", "1")[0] == 2, "convert took it")


def a_converted_model_tells_its_history_and_leads_to_export():
    with tempfile.TemporaryDirectory() as folder:
        _, err = ok("convert", "--from", MODEL, "--to", "grouped", "--kv-heads", "decoder_self=1", cwd=folder)
        expect("score --model grouped --data ROWS.jsonl" in next_of(err), err)
        out, err = ok("inspect", "grouped/", cwd=folder)
        expect("K/V heads merged by mean to decoder_self=1, from " in out, out)
        expect("1 (multi-query), every layer" in out and "50 % of multi-head" in out, out)
        expect("export --from grouped --to grouped-hf --expand-kv" in next_of(err), err)


def rows_are_shown_as_a_model_is_given_them():
    with tempfile.TemporaryDirectory() as folder:
        tokenizer_in(folder)
        with open(f"{folder}/rows.jsonl", "w", encoding="utf-8") as file:
            file.write('{"input": "the model reads", "target": "writes"}\n' * 3 + '{"input": "a", "target": ""}\n{"in\n\n')
        found = json.loads(ok("inspect", "rows.jsonl", "--model", "tok", "--lengths", "8,3", "--json", cwd=folder)[0])
        expect((found["lines"], found["empty_lines"], found["duplicate_lines"], found["broken"]) == (6, 1, 2, 1), found)
        ids = json.loads(ok("tokenize", "encode", "--tokenizer", "tok", "--json", "writes", cwd=folder)[0]) + [1]
        example, target = found["examples"][0], ids if len(ids) <= 3 else ids[:2] + [1]
        expect(example["target_ids"] == target and example["decoder_input_ids"] == [0] + target[:-1], example)
        counts = found["lengths"]["target"]
        expect(counts["limit"] == 3 and counts["longest"] == len(ids) and counts["rows"] == 4, counts)
        expect(counts["over"] == (3 if len(ids) > 3 else 0), counts)
        expect(sum(bin["rows"] for bin in counts["histogram"]) == 4, counts)
        out, err = ok("inspect", "rows.jsonl", "--model", "tok", "--lengths", "8,3", cwd=folder)
        expect("---- limit 3:" in out and "decoder input" in out and "broken: rows.jsonl:5:" in out, out)
        expect("score --model DIR --data rows.jsonl" in next_of(err), err)
        out, err = ok("inspect", "rows.jsonl", cwd=folder)
        expect("characters" in out and "limit" not in out and "--model DIR" in next_of(err), out)


def a_tasks_rows_come_through_its_template():
    with tempfile.TemporaryDirectory() as folder:
        tokenizer_in(folder)
        arguments = ("inspect", "train.jsonl", "--model", "tok", "--task", "copy.yaml")
        found = json.loads(ok(*arguments, "--json", cwd=folder)[0])
        expect(found["kind"] == "task data" and found["rows"] == 40, found)
        expect(found["examples"][0]["input"].startswith("copy"), found["examples"][0])
        expect(found["lengths"]["source"]["limit"] == 32 and found["lengths"]["target"]["limit"] == 8, found["lengths"])
        expect("evaluate --model DIR --task copy --data train.jsonl" in next_of(ok(*arguments, cwd=folder)[1]), "next")


def a_corpus_is_shown_through_span_corruption():
    with tempfile.TemporaryDirectory() as folder:
        tokenizer_in(folder)
        with gzip.open(f"{folder}/c.jsonl.gz", "wt", encoding="utf-8") as out, open(f"{folder}/text.txt", encoding="utf-8") as lines:
            out.writelines(json.dumps({"text": line.strip()}) + "\n" for line in lines)
        for name in ("text.txt", "c.jsonl.gz"):
            found = json.loads(ok("inspect", name, "--model", "tok", "--lengths", "32,9", "--json", cwd=folder)[0])
            example = found["examples"][0]
            expect("<extra_id_0>" in example["input"] and example["target"].startswith("<extra_id_0>"), example)
            expect(len(example["input_ids"]) == 32 == found["span_corruption"]["source"], found["span_corruption"])


def the_other_kinds_are_told_apart():
    with tempfile.TemporaryDirectory() as folder:
        recipe, tok = write_tiny(folder), tokenizer_in(folder)
        found = json.loads(ok("inspect", recipe, "--json")[0])
        stages = {stage["name"]: stage for stage in found["stages"]}
        expect(found["kind"] == "recipe" and stages["gqa_up"]["needs"] == ["gqa"] and not found["problems"], found)
        expect(all(file["present"] for file in found["files"]) and len(found["files"]) >= 5, found["files"])
        os.remove(f"{folder}/dev.jsonl")
        out, _ = ok("inspect", recipe)
        expect("MISSING  task copy: " in out and "problem: " in out, out)
        out, _ = ok("inspect", f"{folder}/copy.yaml")
        expect("fields   text, word" in out and "exact_match, rouge" in out, out)
        found = json.loads(ok("inspect", tok, "--text", "the model <extra_id_1>", "--json")[0])
        expect(found["special"]["first_sentinel"] == found["size"] - 1 == found["sample"]["ids"][-1] + 1, found)
        for arguments in (["inspect", recipe, "--tensors"], ["inspect", tok, "--model", tok], ["inspect", MODEL, "--text", "a"]):
            code, out, err = run(*arguments)
            expect(code == 2 and out == "" and "has no effect on" in err, err)


def a_run_folder_tells_states_and_best():
    with tempfile.TemporaryDirectory() as folder:
        recipe = write_tiny(folder)
        stop = ["--only", "tokenizer", "--only", "parent", "--only", "gqa"]
        _, err = ok("run", recipe, "--out", f"{folder}/out", "--threads", "1", *stop)
        expect(f"inspect {folder}/out" in next_of(err), err)
        out, err = ok("inspect", f"{folder}/out")
        expect("done" in out and "waiting" in out and "nobody works in it" in out, out)
        expect(f"run {folder}/out/recipe.yaml --out {folder}/out" in next_of(err), err)
        newest = f"{folder}/out/parent/step-00000060"
        with open(f"{newest}/model.safetensors", "r+b") as file:
            file.truncate(100)
        found = json.loads(ok("inspect", f"{folder}/out", "--json")[0])
        stages = {stage["name"]: stage for stage in found["stages"]}
        expect(stages["parent"]["checkpoint"] == "step-00000056", stages["parent"])
        expect(newest in stages["parent"]["damaged"][0]["message"], stages["parent"]["damaged"])
        expect(stages["gqa_copy"]["state"] == "waiting" and stages["gqa_copy"]["steps"] == 100, stages["gqa_copy"])
        os.remove(f"{folder}/out/parent/stage.json")
        out, _ = ok("inspect", f"{folder}/out")
        expect("stopped at step 56 of 60" in out and "heldout_loss" in out, out)
        out, _ = ok("inspect", f"{folder}/out/parent/step-00000056")
        expect("step 56" in out and "verified" in out and "next example 448" in out, out)


def doctor_says_what_it_found_and_ends_well():
    found = json.loads(ok("doctor", "--json", "--threads", "1")[0])
    expect(found["threads"] == 1 and found["gemm_tflops"]["fp32"] > 0 and found["memory_available_bytes"] > 0, found)
    expect(all(set(finding) == {"what", "cost", "do"} for finding in found["findings"]), found["findings"])
    if found["allowed_cores"] > 1 and not found["quota_cores"]:
        expect(any("1 threads" in finding["what"] for finding in found["findings"]), found["findings"])
    expect({"quickstart", "small"} <= {recipe["recipe"] for recipe in found["recipes"]}, found["recipes"])
    out, err = ok("doctor")
    expect("cores" in out and re.search(r"quickstart .* yes +are here", out) and "run " in next_of(err), out)


def help_answers():
    out, _ = ok("help", "convert")
    expect(out == ok("convert", "--help")[0] and out.index("regroup convert --from") < out.index("Required"), out)
    overview, _ = ok("help")
    expect(overview.index("First") < overview.index("  run ") < overview.index("  convert "), overview)
    expect("Exit codes: 0 done" in overview, overview)
    pages = [ok("help", word)[0] for word in ("run", "tokenize", "recipes", "generate", "inspect", "metrics")]
    long = [line for page in [overview, *pages] for line in page.splitlines()
            if len(line) > 100 and not line.startswith("  regroup")]
    expect(not long, long)


BASH = """source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _regroup; printf '%s\\n' "${COMPREPLY[@]}" """


def bash_completes(script, *words):
    done = subprocess.run(["bash", "-c", BASH, "bash", script, *words], capture_output=True, text=True, cwd=SOURCE, check=True)
    return done.stdout.split()


def completion_works_in_bash_and_parses_elsewhere():
    with tempfile.TemporaryDirectory() as folder:
        for shell in ("bash", "zsh", "fish"):
            with open(f"{folder}/{shell}", "w", encoding="utf-8") as file:
                file.write(ok("completion", shell)[0])
            if shutil.which(shell) is None:
                print(f"        no {shell} here: its script is not parsed", flush=True)
                continue
            subprocess.run([shell, "-n", f"{folder}/{shell}"], check=True)
        script = f"{folder}/bash"
        for words, expected in ((["co"], ["convert", "completion"]), (["tokenize", ""], ["train", "encode", "decode"]),
                                (["convert", "--me"], ["--method"]), (["convert", "--method", ""], ["mean", "first", "random", "norm_mean", "procrustes", "svd", "covariance_svd"]),
                                (["convert", "--method", "=", "r"], ["random"]), (["recipes", "copy", "q"], ["quickstart"]),
                                (["inspect", "READ"], ["README.md"]), (["evaluate", "--task", "titl"], ["titles"]),
                                (["doctor", "--qu"], ["--quiet"]), (["convert", "--kv-heads", ""], [])):
            found = bash_completes(script, "regroup", *words)
            expect(sorted(found) == sorted(expected), f"{words}: {found}")


def the_next_line_is_as_typed_and_quoted_and_can_be_silenced():
    with tempfile.TemporaryDirectory() as folder:
        tokenizer_in(folder)
        os.rename(f"{folder}/text.txt", f"{folder}/my text.txt")
        environment = dict(os.environ, REGROUP_COMMAND="scripts/regroup")
        done = subprocess.run([BINARY, "inspect", "my text.txt"], capture_output=True, text=True, cwd=folder, env=environment, check=True)
        expect(next_of(done.stderr) == "scripts/regroup inspect 'my text.txt' --model DIR counts tokens", done.stderr)
        for silent in ("--quiet", "--json"):
            expect("next:" not in ok("inspect", "my text.txt", silent, cwd=folder)[1], silent)
        expect("next:" not in run("inspect", "nothing", cwd=folder)[2], "after an error")


def every_command_says_what_comes_next():
    rows = '{"input_ids": [3, 4, 5, 1], "target_ids": [6, 7, 1]}\n'
    with tempfile.TemporaryDirectory() as folder:
        recipe = write_tiny(folder)
        with open(f"{folder}/rows.jsonl", "w", encoding="utf-8") as file:
            file.write(rows)
        for arguments, word in (
                (["score", "--model", MODEL, "--data", "rows.jsonl"], "generate"),
                (["generate", "--model", MODEL, "--data", "rows.jsonl", "--max-length", "4"], "metrics"),
                (["export", "--from", MODEL, "--to", "hf", "--expand-kv"], "from_pretrained(\"hf\")"),
                (["export", "--from", MODEL, "--to", "compact"], "sentencepiece and protobuf"),
                (["bench", "decode", "--model", MODEL, "--batch", "1", "--source", "4", "--target", "2"], "score"),
                (["plan", recipe, "--set", "seed=2"], f"run {recipe} --set seed=2"),
                (["recipes", "list"], "uptrain-mine"), (["recipes", "show", "quickstart"], "recipes copy quickstart"),
                (["recipes", "copy", "quickstart", "--to", "mine.yaml"], "plan mine.yaml"),
                (["metrics", "--metric", "bleu", "--predictions", "text.txt", "--references", "text.txt"], "--bootstrap")):
            _, err = ok(*arguments, cwd=folder)
            expect(word in next_of(err), f"{arguments}: {err}")


if __name__ == "__main__":
    main([a_model_is_described_and_leads_to_convert, nan_is_counted_and_named_not_refused,
          a_converted_model_tells_its_history_and_leads_to_export, rows_are_shown_as_a_model_is_given_them,
          a_tasks_rows_come_through_its_template, a_corpus_is_shown_through_span_corruption,
          the_other_kinds_are_told_apart, a_run_folder_tells_states_and_best, doctor_says_what_it_found_and_ends_well,
          help_answers, completion_works_in_bash_and_parses_elsewhere,
          the_next_line_is_as_typed_and_quoted_and_can_be_silenced, every_command_says_what_comes_next])
