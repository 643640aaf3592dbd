"""Vocabularies: spiece.model, tokenizer_config.json, and vocabularies of another model."""
import json

from bad_input.case import (HTML, LFS_POINTER, copy, cut, edit, edit_json, flip, golden, join_safetensors, large, link,
                            make_folder, put, remove, split_safetensors, table)

FILE, CONFIG = "tok/spiece.model", "tok/tokenizer_config.json"
ENCODE, DECODE = "tokenize encode --tokenizer tok text", "tokenize decode --tokenizer tok"
ROWS = put("rows.jsonl", '{"input": "a b", "target": "c"}\n')
SCORE = "score --model model --data rows.jsonl"

case = table(copy("text/mt5.model", FILE))
with_model = table(golden("v1_1"), ROWS)


def larger(times):
    """The small model with `times` its vocabulary of 24 ids."""
    def change(content):
        header, data = split_safetensors(content)
        names = sorted((name for name in header if name != "__metadata__"), key=lambda n: header[n]["data_offsets"])
        made, at = b"", 0
        for name in names:
            begin, end = header[name]["data_offsets"]
            part = data[begin:end] * (times if name in ("shared.weight", "lm_head.weight") else 1)
            if len(part) != end - begin:
                header[name]["shape"][0] *= times
            header[name]["data_offsets"] = [at, at + len(part)]
            made, at = made + part, at + len(part)
        return join_safetensors(header, made)
    return [edit("model/model.safetensors", change), edit_json("model/config.json", vocab_size=24 * times)]


def config(**keys):
    return put(CONFIG, json.dumps(keys))


def specials(*numbers):
    return [f"<extra_id_{n}>" for n in numbers]


CASES = [
    case("a vocabulary of 200 MB", large(FILE, 200_000_000), ENCODE, FILE, "200000000 bytes"),
    case("tokenizer_config.json of 200 MB", large(CONFIG, 200_000_000), ENCODE, CONFIG, "200000000 bytes"),
    case("no spiece.model", remove(FILE), ENCODE, FILE),
    case("no such folder", [], "tokenize encode --tokenizer nowhere text", "nowhere"),
    case("a file for the folder", put("file", "x"), "tokenize encode --tokenizer file text", "file"),
    case("spiece.model is empty", put(FILE, ""), ENCODE, FILE, "empty"),
    case("spiece.model is a folder", [remove(FILE), make_folder(FILE)], ENCODE, FILE, "folder"),
    case("spiece.model is a link to itself", [remove(FILE), link(FILE, "spiece.model")], ENCODE, FILE),
    case("spiece.model is cut off", edit(FILE, cut(3000)), ENCODE, FILE, "SentencePiece"),
    case("spiece.model is cut after a piece", edit(FILE, cut(16)), ENCODE, FILE),
    case("spiece.model is random bytes", put(FILE, bytes((i * i * 31 + i * 7) % 256 for i in range(5000))), ENCODE,
         FILE, "SentencePiece"),
    case("spiece.model is a web page", put(FILE, HTML), ENCODE, FILE, "web page"),
    case("spiece.model is a pointer of Git LFS", put(FILE, LFS_POINTER), ENCODE, FILE, "Git LFS", "git lfs pull"),
    case("a byte of the first piece's length is wrong", edit(FILE, flip(1)), ENCODE, FILE, "SentencePiece"),
    case("tokenizer_config.json is broken", put(CONFIG, "{"), ENCODE, CONFIG, "not valid JSON"),
    case("extra_ids is negative", config(extra_ids=-1), ENCODE, CONFIG, "extra_ids", "-1"),
    case("extra_ids is a text", config(extra_ids="100"), ENCODE, CONFIG, "extra_ids", '"100"'),
    case("extra_ids is 10^9", config(extra_ids=10**9), ENCODE, CONFIG, "extra_ids", "1000000000"),
    case("sentinels with a hole", config(additional_special_tokens=specials(0, 2)), ENCODE, CONFIG, "<extra_id_2>",
         "<extra_id_1>"),
    case("a sentinel twice", config(additional_special_tokens=specials(0, 1, 1)), ENCODE, CONFIG, "each once"),
    case("fewer sentinels than extra_ids", config(extra_ids=3, additional_special_tokens=specials(0, 1)), ENCODE,
         CONFIG, "extra_ids", "2 sentinels"),
    case("a broken config of a byte model", [remove(FILE), put(CONFIG, '{"tokenizer_class": "ByT5Tokenizer"')], ENCODE,
         CONFIG, "not valid JSON"),
    case("extra_ids of a byte model is a text", [remove(FILE), config(tokenizer_class="ByT5Tokenizer", extra_ids="x")],
         ENCODE, CONFIG, '"x"'),
    # What is turned
    case("an id that is a word", [], [*DECODE.split(), "5 six 7"], '"six"'),
    case("an id that is negative", [], [*DECODE.split(), "--", "-5"], "-5"),
    case("lines that are not UTF-8", [], "tokenize encode --json --tokenizer tok", "standard input:2", "UTF-8",
         stdin=b"good\nbad \xff\n", rows=1),
    case("an argument that is not UTF-8", [], [*ENCODE.split()[:-1], b"bad \xff"], "UTF-8"),
    # Training
    case("training text is missing", [], "tokenize train --files none.txt --to out", "none.txt"),
    case("training text matches no file", [], "tokenize train --files no*.txt --to out", "no*.txt", "no file matches"),
    case("training text is not UTF-8", put("l.txt", b"gr\xfc\xdfe\n"), "tokenize train --files l.txt --to out",
         "l.txt:1", "UTF-8"),
    case("training rows hold no such key", put("r.jsonl", '{"a": "b"}\n'),
         "tokenize train --files r.jsonl --keys text --to out", "text"),
    case("training rows are broken", put("r.jsonl", '{"text": "b"}\n{"text": \n'),
         "tokenize train --files r.jsonl --to out", "r.jsonl:2"),
    case("a training text is a number", put("r.jsonl", '{"text": 5}\n'), "tokenize train --files r.jsonl --to out",
         "r.jsonl", "no row has text"),
    case("a vocabulary too small for the characters", put("t.txt", "".join(map(chr, range(0x4E00, 0x4F00))) + "\n"),
         "tokenize train --files t.txt --vocab-size 8 --to out", "vocab"),
    # The vocabulary of another model
    with_model("a vocabulary larger than the model", copy("text/mt5.model", "model/spiece.model"), SCORE,
               "rows.jsonl:1", "does not belong to this model"),
    with_model("text and no vocabulary", [], SCORE, "rows.jsonl:1", "tokenizer"),
    with_model("a broken vocabulary beside a model", put("model/spiece.model", "x"), SCORE, "model/spiece.model"),
    with_model("a broken tokenizer_config.json alone", put("model/tokenizer_config.json", "{"), SCORE,
               "model/tokenizer_config.json", "not valid JSON"),
    case("a broken vocabulary, inspected", edit(FILE, cut(300)), "inspect tok", FILE, "SentencePiece"),
    with_model("a vocabulary cut off, exported",
               [copy("text/mt5.model", "model/spiece.model"), edit("model/spiece.model", cut(4000))],
               "export --from model --to out", "model/spiece.model"),
]
CONTROLS = [
    case("a vocabulary", [], ENCODE),
    case("ids", [], [*DECODE.split(), "5 6 7"]),
    case("as many sentinels as extra_ids", config(extra_ids=2, additional_special_tokens=specials(0, 1)), ENCODE),
    with_model("bytes", larger(16), SCORE),
]
