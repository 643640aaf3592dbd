"""Commands, options and their values: unknown, missing, out of range, without effect."""
from bad_input.case import golden, put, table

ROW = '{"input_ids": [3, 4, 1], "target_ids": [5, 1]}\n'
SCORE, GENERATE = "score --model model --data rows.jsonl", "generate --model model --data rows.jsonl"
CONVERT, EXPORT = "convert --from model --to out", "export --from model --to out"
BENCH, TRAIN = "bench decode --model model", "tokenize train --files rows.jsonl --to out"

case = table(golden("v1_1"), put("rows.jsonl", ROW))


def option(command, given, *parts):
    return case(f"{command.split()[0]} {given}"[:60], [], f"{command} {given}", *parts)


CASES = [
    case("no command", [], "", "a command is missing", "convert"),
    case("an unknown command", [], "covnert", '"covnert"', 'did you mean "convert"'),
    case("an unknown command of a group", [], "tokenize trian", '"trian"', 'did you mean "train"'),
    case("a group alone", [], "bench", "a command is missing", "decode"),
    case("an option for a command", [], "--model model", "--model"),
    case("an unknown page", [], "docs recepies", "recepies", "recipes"),
    option(SCORE, "--per-rows", "--per-rows", "--per-row"),
    option(SCORE, "more", '"more"'),
    option(SCORE, "--batch-tokens", "--batch-tokens"),
    case("score without a model", [], "score --data rows.jsonl", "--model", "missing"),
    case("score without rows", [], "score --model model", "--data", "missing"),
    option(SCORE, "--per-row=maybe", "--per-row", "true or false"),
    # Numbers
    option(SCORE, "--batch-tokens 0", "--batch-tokens", '"0"', "at least 1"),
    option(SCORE, "--threads 0", "--threads", '"0"'),
    option(SCORE, "--threads 1000000000", "--threads", '"1000000000"'),
    option(SCORE, "--seed -1", "--seed", '"-1"'),
    option(SCORE, "--seed 99999999999999999999", "--seed", "99999999999999999999"),
    option(SCORE, "--precision fp16", "--precision", '"fp16"', "bf16"),
    option(SCORE, "--device cuda", "--device", "CPU"),
    option(GENERATE, "--beams 0", "--beams", '"0"', "1"),
    option(GENERATE, "--beams 100000", "--beams", '"100000"', "256"),
    option(GENERATE, "--max-length 0", "--max-length", '"0"'),
    option(GENERATE, "--max-length 1000000000000000000", "--max-length", "1000000"),
    option(GENERATE, "--min-length -1", "--min-length", '"-1"'),
    option(GENERATE, "--beams 2 --length-penalty nan", "--length-penalty", '"nan"'),
    option(GENERATE, "--beams 2 --length-norm t6x", "--length-norm", '"t6x"', "t5x"),
    option(GENERATE, "--beams 2 --early-stopping yes", "--early-stopping", '"yes"', "never"),
    option(GENERATE, "--no-repeat-ngram-size -1", "--no-repeat-ngram-size", '"-1"'),
    option(GENERATE, "--forced-bos-token-id 24", "forced", "24", "0 to 23"),
    option(GENERATE, "--forced-eos-token-id 1000000000000", "forced", "1000000000000"),
    option(GENERATE, "--beams 2 --n-best 3", "--n-best", "3", "2 beams"),
    option(GENERATE, "--n-best 2", "--n-best", "1 beam"),
    option(GENERATE, "--max-length 4 --max-length 5", "--max-length"),
    option(BENCH, "--batch 0", "--batch", '"0"'),
    option("bench decode", "", "--model", "missing"),
    option("bench decode", "--model", "--model"),
    # convert and export
    option(CONVERT, "", "--kv-heads", "missing"),
    option(CONVERT, "--kv-heads 0", "kv_heads", "found 0"),
    option(CONVERT, "--kv-heads 3", "kv_heads", "3", "2"),
    option(CONVERT, "--kv-heads two", "--kv-heads two", "expected a number"),
    option(CONVERT, "--kv-heads self=1", "--kv-heads", "self", "decoder_self"),
    option(CONVERT, "--kv-heads cross=", "--kv-heads", "cross"),
    option(CONVERT, "--kv-heads cross=1,cross=2", "--kv-heads", "cross"),
    option(CONVERT, "--kv-heads 1 --method median", "--method", '"median"', "mean"),
    option(CONVERT, "--kv-heads 1 --sites decoder", "sites", "decoder_self"),
    option(CONVERT, "--kv-heads 1 --sites cross,cross", "sites", "cross", "twice"),
    option(CONVERT, "--kv-heads encoder_self=1 --sites cross", "encoder_self", "sites"),
    option(CONVERT, "--kv-heads 1 --precision bf16", "--precision", "no effect"),
    option(CONVERT, "--kv-heads 1 --method mean --overwrite=5", "--overwrite", "true or false"),
    option(EXPORT, "--for onnx", "--for", '"onnx"', "ctranslate2"),
    # Others
    option("plan", "", "recipe", "missing"),
    option("plan none.yaml", "--set", "--set"),
    option("run a.yaml", "b.yaml", '"b.yaml"'),
    option("inspect model", "--precision bf16", "--precision", "no effect"),
    option(TRAIN, "--vocab-size 1000000000000", "--vocab-size"),
    option(TRAIN, "--extra-ids 1000000000", "--extra-ids"),
    option("doctor", "--quick", "--quick"),
    option("inspect model", "--lengths 512", "--lengths", '"512"', "SOURCE,TARGET"),
    option("inspect model", "--lengths 512,0", "--lengths", '"512,0"'),
    option("inspect model", "--tensor", "--tensor", 'did you mean "--tensors"'),
    option("inspect model", "--text hello", "--text", "no effect", "model"),
    option("inspect rows.jsonl", "--tensors", "--tensors", "no effect"),
    option("inspect rows.jsonl", "--task tittles", "tittles", 'did you mean "titles"'),
    option("inspect rows.jsonl", "--task titles", "--model", "is missing"),
    option("inspect rows.jsonl", "--model model", "--model", "tokenizer"),
    option("completion bsh", "", '"bsh"', 'did you mean "bash"'),
    case("help of no command", [], "help conver", '"conver"', 'did you mean "convert"'),
    option("doctor", "--device cudda", '"cudda"', 'did you mean "cuda"'),
    # Paths: the nearest name in the folder
    case("a model's folder, misspelled", [], "score --model modle --data rows.jsonl", 'did you mean "model"'),
    case("a folder above, misspelled", put("runs/a/x.jsonl", ROW), "inspect rusn/a/x.jsonl", 'did you mean "runs/a/x.jsonl"'),
    case("a folder that is not there", [], "inspect nowhere/at/all", "there is no folder nowhere"),
    case("rows, misspelled", [], "score --model model --data row.jsonl", 'did you mean "rows.jsonl"'),
    case("a recipe, misspelled", put("mine.yaml", "name: x\n"), "plan mien.yaml", 'did you mean "mine.yaml"'),
    case("a run folder, misspelled", put("runs/b/recipe.yaml", "name: x\n"), "replay runs/c", 'did you mean "runs/b"'),
    case("text files, misspelled", [], "tokenize train --files rws.jsonl --to out", 'did you mean "rows.jsonl"'),
    case("a site, misspelled", [], CONVERT + " --kv-heads decoder_sef=1", 'did you mean "decoder_self"'),
]
CONTROLS = [
    case("score", [], SCORE + " --batch-tokens 1k --threads 1 --seed 3 --precision bf16 --quiet"),
    case("generate", [], GENERATE + " --max-length 4 --beams 2 --n-best 2 --early-stopping never --length-penalty -1"),
]
