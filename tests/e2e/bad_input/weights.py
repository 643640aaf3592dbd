"""Safetensors files and folders of weights that a broken download or a wrong tool leaves behind."""
import json
import struct

from bad_input.case import (HTML, LFS_POINTER, copy, cut, edit, edit_json, golden, gz, join_safetensors, link,
                            make_folder, put, remove, rename, split_safetensors, table, u64)

FILE = "model/model.safetensors"
SHARDS = "model/model.safetensors.index.json"
FIRST, SECOND = "model/model-00001-of-00002.safetensors", "model/model-00002-of-00002.safetensors"
ROWS = put("rows.jsonl", '{"input_ids": [3, 4, 1], "target_ids": [5, 1]}\n')
INSPECT, SCORE = "inspect model", "score --model model --data rows.jsonl"
GENERATE = "generate --model model --data rows.jsonl --max-length 4"
CONVERT, EXPORT = "convert --from model --to out --kv-heads 1", "export --from model --to out --expand-kv"

case = table(golden("v1_1"), ROWS)
sharded = table(golden("v1_1_bf16_shards"), ROWS)


def header(change, name=FILE):
    """`change` takes the header as a dict, changes it in place or returns another one."""
    def edited(content):
        found, data = split_safetensors(content)
        return join_safetensors(change(found) or found, data)
    return edit(name, edited)


def entry(**changes):
    """The first tensor's claims are changed."""
    def change(found):
        name = sorted(key for key in found if key != "__metadata__")[0]
        found[name].update(changes)
    return header(change)


def without(key):
    return header(lambda found: found[TENSOR].pop(key) and None)


def raw_header(text):
    return edit(FILE, lambda content: join_safetensors(text.encode(), split_safetensors(content)[1]))


def number(tensor, value, form="<f", name=FILE):
    """One value of a tensor is replaced."""
    def edited(content):
        found, values = split_safetensors(content)
        at = found[tensor]["data_offsets"][0]
        size = struct.calcsize(form)
        return join_safetensors(found, values[:at] + struct.pack(form, value) + values[at + size:])
    return edit(name, edited)


def overlap(found):
    names = sorted(key for key in found if key != "__metadata__")
    first, second = (found[name] for name in names[:2])
    second["shape"], second["data_offsets"] = first["shape"], first["data_offsets"]


def another(found):
    found["encoder.block.7.extra.weight"] = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}


def index(change):
    def edited(content):
        found = json.loads(content)
        change(found)
        return json.dumps(found).encode()
    return edit(SHARDS, edited)


def renamed(old, new):
    def change(found):
        found[new] = found.pop(old)
    return header(change)


def transposed(found):
    found[NAME]["shape"] = found[NAME]["shape"][::-1]


def of_type(dtype, width):
    """Every tensor claims another type of the same size: the file itself stays well formed."""
    def change(found):
        for claim in found.values():
            if "dtype" in claim:
                claim["dtype"] = dtype
    return header(change)


TENSOR = "decoder.block.0.layer.0.SelfAttention.k.weight"  # the first by name
NAME = "encoder.block.0.layer.1.DenseReluDense.wo.weight"
NORM = "encoder.final_layer_norm.weight"

CASES = [
    # The file as a whole
    case("no weights at all", remove(FILE), SCORE, "model", "model.safetensors"),
    case("the weights end inside the header's length", edit(FILE, cut(5)), SCORE, FILE, "5 bytes"),
    case("the weights end inside the header", edit(FILE, cut(200)), CONVERT, FILE, "cut off"),
    case("the weights end inside the data", edit(FILE, cut(-100)), GENERATE, FILE, "bytes"),
    case("a byte too many", edit(FILE, lambda c: c + b"\0"), SCORE, FILE, "1 trailing byte"),
    case("a file of zeros", edit(FILE, lambda c: bytes(len(c))), SCORE, FILE, "header", "empty"),
    case("the weights are a folder", [remove(FILE), make_folder(FILE)], SCORE, FILE, "folder"),
    case("the weights are a link to themselves", [remove(FILE), link(FILE, "model.safetensors")], SCORE, FILE,
         "symbolic link"),
    case("a pointer of Git LFS", put(FILE, LFS_POINTER), SCORE, FILE, "Git LFS", "git lfs pull"),
    case("a web page for weights", put(FILE, HTML), GENERATE, FILE, "web page"),
    case("weights packed with gzip", edit(FILE, gz), CONVERT, FILE, "gzip"),
    case("a pickle for safetensors", copy("formats/archive.bin", FILE), SCORE, FILE, "zip"),
    case("the folder is a file", put("weights", "x"), "score --model weights --data rows.jsonl", "weights"),
    case("the folder does not exist", [], "bench decode --model nowhere", "nowhere", "no such"),
    # The header
    case("an empty header", edit(FILE, lambda c: u64(0) + c[8:]), EXPORT, FILE, "header", "empty"),
    case("a header that is no JSON", raw_header("{'a': 1}"), SCORE, FILE, "not valid JSON"),
    case("a header that is a list", raw_header("[1, 2]"), CONVERT, FILE, "object"),
    case("a header with a key twice", raw_header('{"a": {}, "a": {}}'), SCORE, FILE, '"a"', "twice"),
    case("a header nested 100,000 deep", raw_header("[" * 100000), SCORE, FILE, "nested deeper than 100"),
    case("a header that is not UTF-8", edit(FILE, lambda c: join_safetensors(b'{"\xff": 1}', split_safetensors(c)[1])),
         SCORE, FILE, "UTF-8"),
    # Claims of one tensor
    case("a tensor without offsets", without("data_offsets"), CONVERT, FILE, TENSOR, "data_offsets"),
    case("an unknown dtype", entry(dtype="F8_E4M3"), SCORE, FILE, TENSOR, "F8_E4M3", "BF16"),
    case("a dtype in small letters", entry(dtype="f32"), SCORE, FILE, TENSOR, '"f32"', "F32"),
    case("a shape with a negative size", entry(shape=[-8, -8]), CONVERT, FILE, TENSOR, "-8"),
    case("a shape with a fraction", entry(shape=[8.0, 8]), SCORE, FILE, TENSOR, "8.0"),
    case("a shape whose product leaves 64 bits", entry(shape=[2**62, 2**62]), SCORE, FILE, TENSOR, str(2**62)),
    case("a size beyond 64 bits", entry(shape=[2**64, 1]), SCORE, FILE, TENSOR, "shape"),
    case("a shape of too many bytes", entry(shape=[8, 9]), SCORE, FILE, TENSOR, "[8, 9]", "256 bytes"),
    case("a shape with 100,000 sizes", entry(shape=[1] * 100000), SCORE, FILE, TENSOR),
    case("offsets that are reversed", entry(data_offsets=[256, 0]), SCORE, FILE, TENSOR, "[256,0]"),
    case("offsets beyond the data", entry(data_offsets=[0, 10**12]), CONVERT, FILE, TENSOR, "1000000000000"),
    case("negative offsets", entry(data_offsets=[-256, 0]), SCORE, FILE, TENSOR, "data_offsets"),
    case("offsets of three numbers", entry(data_offsets=[0, 128, 256]), INSPECT, FILE, TENSOR, "[begin, end]"),
    case("two tensors share bytes", header(overlap), SCORE, FILE, "shares bytes"),
    case("bytes that belong to no tensor", header(lambda h: h.pop(NAME) and None), CONVERT, FILE, "unused bytes"),
    # Names, shapes and types against config.json
    case("a tensor under another name", renamed(TENSOR, "decoder.k"), SCORE, "missing: " + TENSOR, "decoder.k"),
    case("a tensor that no T5 has", header(another), CONVERT, "encoder.block.7.extra.weight"),
    case("a tensor transposed", header(transposed), SCORE, NAME, "[12, 8]", "[8, 12]"),
    case("whole numbers for weights", of_type("I32", 4), SCORE, "wrong type: shared.weight",
         "expected F32, F16, BF16 or F64"),
    case("no tensor at all", put(FILE, join_safetensors({}, b"")), SCORE, "model", "missing", "shared.weight"),
    # Values
    case("a NaN, scored", number(NAME, float("nan")), SCORE, "model", NAME, "NaN"),
    case("an infinity, decoded", number(TENSOR, float("inf")), GENERATE, "model", TENSOR, "infinity"),
    case("a NaN, exported", number(NORM, float("nan")), EXPORT, "model", NORM, "NaN"),
    # Shards
    sharded("a shard is missing", remove(SECOND), SCORE, SECOND, "No such file"),
    sharded("a shard was cut off", edit(FIRST, cut(-9)), CONVERT, FIRST, "bytes"),
    sharded("the shards are swapped", [rename(FIRST, "model/a"), rename(SECOND, FIRST), rename("model/a", SECOND)],
            SCORE, "model.safetensors.index.json"),
    sharded("both shards are the first", lambda f: edit(SECOND, lambda _: open(f + "/" + FIRST, "rb").read())(f), SCORE,
            SECOND[6:], "twice: " + TENSOR),
    sharded("the index is empty", put(SHARDS, ""), SCORE, SHARDS, "empty"),
    sharded("the index is a list", put(SHARDS, "[]"), SCORE, SHARDS, "weight_map"),
    sharded("the index has no weight_map", edit_json(SHARDS, weight_map={}), SCORE, SHARDS, "weight_map"),
    sharded("the index maps to a number", index(lambda i: i["weight_map"].update({NORM: 2})), SCORE, SHARDS, NORM),
    sharded("the index names an absent tensor", index(lambda i: i["weight_map"].update({"ghost": FIRST[6:]})), SCORE,
            "ghost", FIRST[6:]),
    sharded("the index leaves out a tensor", index(lambda i: i["weight_map"].pop(NORM)), SCORE, NORM),
    sharded("the index leads out of the folder", index(lambda i: i["weight_map"].update({NORM: "../x.safetensors"})),
            CONVERT, SHARDS, "../x.safetensors"),
    sharded("the index names a folder", index(lambda i: i["weight_map"].update({NORM: "."})), SCORE, SHARDS, '"."'),
    sharded("the index is a pointer of Git LFS", put(SHARDS, LFS_POINTER), GENERATE, SHARDS, "Git LFS"),
    sharded("a NaN in the second shard", number(NORM, 0x7FC0, "<H", FIRST), SCORE, NORM, "NaN"),
]
CONTROLS = [
    case("safetensors", [], SCORE),
    case("safetensors, rewritten", header(lambda h: None), CONVERT),
    sharded("shards", [], GENERATE),
    case("export", [], EXPORT),
]
