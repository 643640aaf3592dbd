"""config.json and generation_config.json: absent, broken, contradictory, or claiming sizes that no tensor has."""
from bad_input.case import (HTML, LFS_POINTER, REMOVE, edit, edit_json, golden, large, link, make_folder, pipe, put, remove,
                            replace, table)

FILE, GENERATION = "model/config.json", "model/generation_config.json"
ROWS = put("rows.jsonl", '{"input_ids": [3, 4, 1], "target_ids": [5, 1]}\n')
INSPECT, SCORE = "inspect model", "score --model model --data rows.jsonl"
GENERATE = "generate --model model --data rows.jsonl --max-length 4"
CONVERT, EXPORT = "convert --from model --to out --kv-heads 1", "export --from model --to out --expand-kv"

case = table(golden("v1_1"), ROWS)


def key(name, value, *parts, command=SCORE):
    """config.json with one key of another value."""
    return case(f"{name} is {str(value)[:40]}", edit_json(FILE, **{name: value}), command, FILE, name, *parts)


def misfit(name, value, *parts, command=SCORE):
    """config.json with sizes that the tensors do not have."""
    return case(f"{name} is {str(value)[:40]}", edit_json(FILE, **{name: value}), command, "model/model.safetensors",
                "do not fit config.json", *parts)


def generation(name, value, *parts, command=GENERATE):
    return case(f"generation: {name} is {str(value)[:40]}", edit_json(GENERATION, **{name: value}), command, GENERATION,
                name, *parts)


CASES = [
    # The file
    case("no config.json", remove(FILE), SCORE, "model", "config.json"),
    case("an empty config.json", put(FILE, ""), SCORE, FILE, "empty"),
    case("config.json is cut off", edit(FILE, lambda c: c[:300]), CONVERT, FILE, "line ", "not valid JSON"),
    case("config.json is a folder", [remove(FILE), make_folder(FILE)], SCORE, FILE, "is a folder"),
    case("config.json of 200 MB", large(FILE, 200_000_000), SCORE, FILE, "200000000 bytes", "at most"),
    case("config.json is a pipe", pipe(FILE), SCORE, FILE, "is not a regular file"),
    case("config.json is a device", [remove(FILE), link(FILE, "/dev/zero")], SCORE, FILE, "is not a regular file"),
    case("weights are a pipe", pipe("model/model.safetensors"), SCORE, "model.safetensors", "is not a regular file"),
    case("config.json is a web page", put(FILE, HTML), SCORE, FILE, "web page"),
    case("config.json is a pointer of Git LFS", put(FILE, LFS_POINTER), EXPORT, FILE, "Git LFS"),
    case("config.json with a comma too many", replace(FILE, '"vocab_size": 24', '"vocab_size": 24,'), SCORE, FILE,
         "line 32, column 1"),
    case("config.json with a comment", replace(FILE, "{", "{ // sizes"), SCORE, FILE, "line 1"),
    case("config.json is a list", put(FILE, "[]"), SCORE, FILE, "object"),
    case("config.json with a key twice", replace(FILE, '"d_ff": 12', '"d_ff": 12, "d_ff": 16'), SCORE, FILE, '"d_ff"',
         "twice"),
    case("config.json with NaN", replace(FILE, '"dropout_rate": 0.0', '"dropout_rate": NaN'), SCORE, FILE,
         "line 11, column 19"),
    case("config.json is not UTF-8", replace(FILE, b'"t5"', b'"t\xff"'), SCORE, FILE, "UTF-8"),
    case("config.json in UTF-16", edit(FILE, lambda c: c.decode().encode("utf-16")), SCORE, FILE, "UTF-16"),
    case("config.json nested 100,000 deep", put(FILE, '{"a":' * 100000), SCORE, FILE, "nested deeper than 100"),
    case("config.json with a number of 400 digits", replace(FILE, '"d_ff": 12', '"d_ff": ' + "9" * 400), SCORE, FILE,
         "too large"),
    case("two values in config.json", edit(FILE, lambda c: c + b"{}"), SCORE, FILE, "not valid JSON"),
    # Types and sizes
    key("model_type", "bert", '"bert"', '"t5"'),
    key("model_type", 5, "a text"),
    key("d_model", 0, "expected 1 to"),
    key("d_model", 10**12, "1000000000000"),
    key("d_model", 8.5, "8.5", "whole number"),
    key("d_model", 2**64, "whole number"),
    misfit("d_model", 16, "[8, 8]", "[8, 16]", command=CONVERT),
    misfit("num_heads", 3, "relative_attention_bias", command=EXPORT),
    key("num_layers", 0, "expected 1 to"),
    misfit("num_decoder_layers", 3, "missing: decoder.block.2"),
    misfit("vocab_size", 25, "found [24, 8]", "[25, 8]"),
    key("vocab_size", 2**40, "1099511627776"),
    key("relative_attention_num_buckets", 7, "is 7"),
    key("relative_attention_max_distance", 2, "is 2"),
    key("feed_forward_proj", "gated-silu", '"gated-silu"', '"gated-gelu"'),
    key("feed_forward_proj", "relu", "feed_forward_proj"),
    key("dense_act_fn", "silu", '"silu"'),
    key("is_gated_act", False, "contradicts"),
    key("layer_norm_epsilon", -1, "is -1"),
    key("initializer_factor", 0, "is 0", command=CONVERT),
    key("pad_token_id", 24, "is 24"),
    key("eos_token_id", -1, "is -1"),
    key("decoder_start_token_id", 99, "is 99", command=GENERATE),
    # Heads of a grouped model
    key("num_key_value_heads", 3, "found 3", "divisor of num_heads (2)"),
    key("num_key_value_heads", 0, "found 0"),
    key("kv_heads", 1, "{site: G"),
    key("kv_heads", {"crosss": 1}, 'did you mean "cross"'),
    key("kv_heads", {"cross": 5}, "cross[0] is 5", "num_heads (2)"),
    key("kv_heads", {"cross": [1]}, "kv_heads.cross", "list of 2"),
    misfit("kv_heads", {"cross": 1}, "[4, 8]", "[8, 8]", command=EXPORT),
    key("kv_heads", {"cross": [1] * 50000}, "kv_heads.cross", "list of 2"),
    case("two keys for heads that contradict", edit_json(FILE, num_key_value_heads=1, kv_heads={"cross": 2}), INSPECT,
         FILE, "contradict"),
    case("several keys are wrong and all are named", edit_json(FILE, d_ff="x", dropout_rate="y", num_heads="z"), SCORE,
         FILE, "d_ff", "dropout_rate", "num_heads"),
    case("sizes of the default T5 for these tensors", edit_json(FILE, d_model=REMOVE), SCORE, "model/model.safetensors",
         "do not fit config.json", "[24, 512]", "(41)", "decoder.final_layer_norm.weight"),
    # generation_config.json
    case("generation: an empty file", put(GENERATION, ""), GENERATE, GENERATION, "empty"),
    case("generation: a pipe", pipe(GENERATION), GENERATE, GENERATION, "is not a regular file"),
    case("generation: 200 MB", large(GENERATION, 200_000_000), GENERATE, GENERATION, "200000000 bytes"),
    case("provenance of 200 MB", large("model/regroup.json", 200_000_000), SCORE, "regroup.json", "200000000 bytes"),
    case("generation: a list", put(GENERATION, "[]"), GENERATE, GENERATION, "object"),
    case("generation: broken, scored", put(GENERATION, "{"), SCORE, GENERATION, "not valid JSON"),
    generation("eos_token_id", 24, "24"),
    generation("eos_token_id", [1, 2], "[1,2]"),
    generation("decoder_start_token_id", 2.5, "2.5"),
    generation("max_length", 1, "found 1", command="generate --model model --data rows.jsonl"),
    generation("max_new_tokens", 0, "found 0", command="generate --model model --data rows.jsonl"),
    generation("num_beams", 0, "found 0"),
    generation("length_penalty", "long", '"long"'),
    generation("early_stopping", "perhaps", '"perhaps"', "never"),
    generation("forced_bos_token_id", 24, "24"),
    generation("repetition_penalty", 1.2, "1.2", "does not implement"),
    generation("suppress_tokens", [5, 6], "[5,6]"),
]
CONTROLS = [
    case("a model", [], INSPECT),
    case("a byte order mark is no damage", edit(FILE, lambda c: b"\xef\xbb\xbf" + c), SCORE),
    case("heads as a list", edit_json(FILE, kv_heads={"cross": [2, 2]}), SCORE),
    case("keys that do nothing", edit_json(GENERATION, repetition_penalty=1.0, num_beam_groups=1), GENERATE),
]
