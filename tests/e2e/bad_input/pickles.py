"""pytorch_model.bin: archives and pickles that are cut off, damaged, or claim what the file does not hold. The good one
is written here, opcode by opcode, so that every claim can be changed alone."""
import io
import os
import struct
import zipfile

from bad_input.case import MODELS, copy, cut, edit, flip, golden, put, remove, split_safetensors, table

FILE = "model/pytorch_model.bin"
ROWS = put("rows.jsonl", '{"input_ids": [3, 4, 1], "target_ids": [5, 1]}\n')
INSPECT, SCORE = "inspect model", "score --model model --data rows.jsonl"
CONVERT = "convert --from model --to out --kv-heads 1"
GENERATE = "generate --model model --data rows.jsonl --max-length 4"
NAME = "decoder.final_layer_norm.weight"
DIRECTORY, END = b"PK\x01\x02", b"PK\x05\x06"

case = table(golden("v1_1"), ROWS, remove("model/model.safetensors"))
legacy = table(golden("v1_1_legacy"), ROWS)


def text(value):
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def whole(value):
    if -2**31 <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    return b"\x8a\x08" + value.to_bytes(8, "little", signed=True)


def sizes(values):
    return b"(" + b"".join(map(whole, values)) + b"t"


DICT = b"ccollections\nOrderedDict\n)R"
STRIDES = {1: lambda shape: [1], 2: lambda shape: [shape[1], 1]}


def storage(key, count, kind="FloatStorage"):
    return b"(" + text("storage") + b"ctorch\n" + kind.encode() + b"\n" + text(key) + text("cpu") + whole(count) + b"tQ"


def tensor(claims):
    view = whole(claims["offset"]) + sizes(claims["shape"]) + sizes(claims["strides"])
    return (b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage(claims["key"], claims["count"], claims["kind"]) + view
            + b"\x89" + claims.get("hooks", DICT) + b"tR")


def good_model():
    """{name: claims} and {key: bytes} of the small golden model."""
    with open(os.path.join(MODELS, "v1_1/model.safetensors"), "rb") as file:
        header, data = split_safetensors(file.read())
    claims, storages = {}, {}
    for key, name in enumerate(sorted(name for name in header if name != "__metadata__")):
        begin, end = header[name]["data_offsets"]
        shape = header[name]["shape"]
        storages[str(key)] = data[begin:end]
        claims[name] = {"key": str(key), "count": (end - begin) // 4, "kind": "FloatStorage", "offset": 0,
                        "shape": shape, "strides": STRIDES[len(shape)](shape)}
    return claims, storages


def pickled(claims):
    items = b"".join(text(name) + tensor(one) for name, one in claims.items())
    return b"\x80\x02" + DICT + b"(" + items + b"u."


def packed(entries, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content, method)
    return out.getvalue()


def archive(change=lambda claims, storages: None, pickle=None, method=zipfile.ZIP_STORED, **others):
    """A step that writes the archive; `change` takes the claims and the storages, `pickle` is another data.pkl."""
    def step(folder):
        claims, storages = good_model()
        change(claims, storages)
        entries = {"archive/data.pkl": pickled(claims) if pickle is None else pickle, "archive/byteorder": "little"}
        entries |= {f"archive/data/{key}": content for key, content in storages.items()}
        entries |= {"archive/version": "3\n"}
        entries |= {f"archive/{name}": content for name, content in others.items()}
        put(FILE, packed({name: content for name, content in entries.items() if content is not None}, method))(folder)
    return step


def claim(**changes):
    return archive(lambda claims, storages: claims[NAME].update(changes))


def bytes_at(mark, offset, new, last=True):
    """The archive with bytes replaced behind a mark of the zip format."""
    def change(content):
        at = (content.rindex(mark) if last else content.index(mark)) + offset
        return content[:at] + new + content[at + len(new):]
    return [archive(), edit(FILE, change)]


def global_of(module, name):
    return b"\x80\x02c" + f"{module}\n{name}\n".encode() + b"(" + text("true") + b"tR."


def eight_megabytes(claims, storages):
    storages[claims[NAME]["key"]] = bytes(8 << 20)


def drop_storage(claims, storages):
    del storages[claims[NAME]["key"]]


def two_types(claims, _):
    claims[NAME]["key"] = claims["encoder.final_layer_norm.weight"]["key"]
    claims[NAME]["kind"] = "IntStorage"


def not_a_number(claims, storages):
    storages[claims[NAME]["key"]] = struct.pack("<f", float("nan")) * 8


CASES = [
    # The file
    case("an empty file", put(FILE, ""), SCORE, FILE, "torch.save"),
    case("safetensors under this name", copy("checkpoint/transformers5/v1_1/model.safetensors", FILE), SCORE, FILE),
    # The zip archive
    case("the archive ends in its first entry", [archive(), edit(FILE, cut(100))], INSPECT, FILE, "cut off"),
    case("the archive ends in its directory", [archive(), edit(FILE, cut(-400))], CONVERT, FILE, "cut off"),
    case("a byte in the directory is wrong", bytes_at(DIRECTORY, 0, b"XX", last=False), SCORE, FILE,
         "directory is broken"),
    case("the directory lies outside the file", bytes_at(END, 16, b"\xff\xff\xff\x7f"), SCORE, FILE, "directory"),
    case("more entries than the directory has", bytes_at(END, 8, b"\x60\xea\x60\xea"), SCORE, FILE, "directory"),
    case("an entry lies outside the file", bytes_at(DIRECTORY, 42, b"\xff\xff\xff\x7f"), SCORE, FILE,
         "archive/version"),
    case("an entry claims 2 GB", bytes_at(DIRECTORY, 20, b"\xff\xff\xff\x7f\xff\xff\xff\x7f"), SCORE, FILE,
         "2147483647"),
    case("an entry asks for zip64 and has none", bytes_at(DIRECTORY, 20, b"\xff" * 8), SCORE, FILE, "zip64"),
    case("an entry has a wrong checksum", bytes_at(DIRECTORY, 16, b"\x11\x22\x33\x44", last=False), CONVERT, FILE,
         "archive/data.pkl", "checksum"),
    case("a byte of the weights is wrong", [archive(), edit(FILE, lambda c: flip(c.index(b"archive/data/7") + 60)(c))],
         SCORE, FILE, "archive/data/7", "checksum"),
    case("the entries are encrypted", bytes_at(DIRECTORY, 8, b"\x01\x00", last=False), SCORE, FILE, "archive/data.pkl",
         "encrypted"),
    case("the entries are compressed", archive(method=zipfile.ZIP_DEFLATED), SCORE, FILE, "archive/", "compressed"),
    case("8 MB that are packed into 8 kB", archive(eight_megabytes, method=zipfile.ZIP_DEFLATED), CONVERT, FILE,
         "compressed"),
    case("an archive without data.pkl", put(FILE, packed({"archive/other": "x"})), SCORE, FILE, "data.pkl"),
    case("a program of TorchScript", archive(**{"constants.pkl": b"\x80\x02)."}), SCORE, FILE, "TorchScript",
         "state_dict"),
    case("numbers of a big-endian machine", archive(byteorder="big"), SCORE, FILE, "little-endian"),
    case("a storage is missing", archive(drop_storage), SCORE, FILE, "data/"),
    # The pickle
    case("a pickle that calls os.system", archive(pickle=global_of("os", "system")), CONVERT, FILE, "os.system"),
    case("a pickle that ends early", archive(pickle=b"\x80\x02" + DICT + b"(" + text(NAME)), SCORE, FILE, "data.pkl"),
    case("an empty pickle", archive(pickle=b""), SCORE, FILE, "data.pkl"),
    case("a pickle with bytes behind its end", archive(pickle=b"\x80\x02" + DICT + b".more"), SCORE, FILE, "data.pkl",
         "end"),
    case("a pickle with an unknown opcode", archive(pickle=b"\x80\x02\xfe."), SCORE, FILE, "data.pkl", "0xfe"),
    case("a pickle whose stack is empty", archive(pickle=b"\x80\x02u."), SCORE, FILE, "data.pkl"),
    case("a pickle with a text of 4 GB", archive(pickle=b"\x80\x02X\xff\xff\xff\xffabc."), SCORE, FILE, "data.pkl"),
    case("a pickle that fetches what was never stored", archive(pickle=b"\x80\x02h\x05."), SCORE, FILE, "data.pkl"),
    case("a pickle nested 100,000 deep", archive(pickle=b"\x80\x02" + b"(" * 100000 + b"t" * 100000 + b"."), SCORE,
         FILE, "a tuple"),
    case("a list for a state dict", archive(pickle=b"\x80\x02]."), SCORE, FILE, "a list", "state dict"),
    case("a training checkpoint for a state dict",
         archive(pickle=b"\x80\x02}(" + text("epoch") + whole(3) + text("model") + DICT + b"u."), CONVERT, FILE,
         '"epoch"', "state dict"),
    # Claims of one tensor
    case("a storage of more numbers than it has", claim(count=9), SCORE, FILE, "32 bytes", "36"),
    case("a storage of 2^62 numbers", claim(count=2**62), SCORE, FILE, NAME, str(2**62)),
    case("a shape beyond its storage", claim(shape=[9]), SCORE, FILE, NAME, "[9]", "8 numbers"),
    case("strides beyond the storage", claim(strides=[2]), SCORE, FILE, NAME, "strides [2]"),
    case("strides of nought over a huge shape", claim(shape=[10**12], strides=[0]), SCORE, FILE, NAME, "1000000000000"),
    case("an offset beyond the storage", claim(offset=1), CONVERT, FILE, NAME, "offset 1"),
    case("a hundred dimensions", claim(shape=[1] * 100, strides=[1] * 100), SCORE, FILE, NAME, "at most 8"),
    case("a storage of complex numbers", claim(kind="ComplexFloatStorage"), SCORE, FILE, "ComplexFloatStorage"),
    case("a tensor with hooks", claim(hooks=b"}" + text("h") + whole(1) + b"s"), SCORE, FILE, NAME, "hooks"),
    case("one storage under two types", archive(two_types), SCORE, FILE, "another type"),
    case("whole numbers in a tensor", claim(kind="IntStorage"), SCORE, FILE, NAME, "expected F32"),
    case("a NaN in a pickled model", archive(not_a_number), GENERATE, FILE, NAME, "NaN"),
    # The format before the archive
    legacy("the old format, cut in its state dict", edit(FILE, cut(3000)), SCORE, FILE),
    legacy("the old format, cut in its numbers", edit(FILE, cut(-50)), CONVERT, FILE, "bytes"),
    legacy("the old format, with a byte too many", edit(FILE, lambda c: c + b"\0"), SCORE, FILE),
    legacy("the old format, its magic number wrong", edit(FILE, flip(5)), SCORE, FILE, "torch.save"),
    legacy("the old format, that runs a command", copy("formats/refused_legacy/command.bin", FILE), SCORE, FILE,
           "posix.system"),
]
CONTROLS = [
    case("an archive made here", archive(), SCORE),
    case("an archive, converted", archive(), CONVERT),
    legacy("the old format", [], SCORE),
]
