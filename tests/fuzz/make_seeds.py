"""Seeds and dictionaries of the fuzz targets, made from the repository's own goldens, recipes and docs.
run_fuzz.py calls it; text that has no other home stands in tests/fuzz/seeds."""

import gzip
import io
import pathlib
import pickletools
import re
import shutil
import struct
import zipfile

FUZZ = pathlib.Path(__file__).resolve().parent
ROOT = FUZZ.parent.parent
GOLDEN = ROOT / "tests/golden"
LONGEST = 16384  # bytes: longer files slow every mutation down

YAML_WORDS = [": ", "- ", "{", "}", "[", "]", "&a ", "*a", "<<: ", "|\n", ">\n", "\"", "'", "# ", "\n  ", "\n---\n",
              "!!str ", "? ", "~", "null", "true", "{v}", "{v.kv_heads}", "k steps", "%", " GiB", "=== --set\n",
              "=== a.yaml\n", "include: ", "1e400", "-1", "0x10", "\t"]
PICKLE_WORDS = [bytes([0x80, 2]), b"\x95" + bytes(8), b"collections\nOrderedDict\n", b"torch._utils\n",
                b"_rebuild_tensor_v2\n", b"_rebuild_parameter\n", b"ctorch\nFloatStorage\n", b"storage", b"}(", b"u.",
                b"e.", b"tQ", b"tR", b"\x85R", b"\x86R", b"\x87R", b"\x93", b"\x94", b"h\0", b"q\0", b")R", b"}b"]
ZIP_WORDS = [b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6", b"PK\6\7", b"\xff\xff\xff\xff", b"\xff\xff", b"\1\0\x18\0",
             b"data.pkl", b"byteorder", b"little", b"data/0"]
TENSOR_WORDS = ['"dtype"', '"shape"', '"data_offsets"', '"__metadata__"', '"F32"', '"BOOL"', "[0,4]", "[]", "{}",
                "18446744073709551615", "9223372036854775807", "1e3", "-1", "\\u0000"]


def yaml_words():
    """The keys of recipes and task files, and the words they allow, as docs/recipes.md lists them."""
    rows = re.findall(r"^\| `(\w+)` \|.*?(?:\(([\w, ]+)\))? \|$", (ROOT / "docs/recipes.md").read_text(), re.MULTILINE)
    words = {word for _, allowed in rows for word in allowed.split(", ") if word.isidentifier()}
    return sorted({f"{key}: " for key, _ in rows} | words) + YAML_WORDS


def dictionaries():
    return {"yaml": yaml_words(), "recipe": yaml_words(), "task_file": yaml_words(), "overrides": yaml_words(),
            "pickle": PICKLE_WORDS, "torch_file": PICKLE_WORDS + ZIP_WORDS, "zip_index": ZIP_WORDS,
            "safetensors": TENSOR_WORDS, "json": TENSOR_WORDS}


def files(pattern):
    found = [path.read_bytes() for path in sorted(ROOT.glob(pattern)) if path.stat().st_size <= LONGEST]
    assert found, f"no seeds: {pattern}"
    return found


def pickles():
    """The pickle of each archive, and each pickle of the legacy files."""
    without_checksums = (GOLDEN / "formats/archive_without_checksums.bin").read_bytes()  # zipfile wants them
    for content in files("tests/golden/formats/**/*.bin"):
        if content == without_checksums:
            continue
        if content.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                yield from (archive.read(name) for name in archive.namelist() if name.endswith("/data.pkl"))
        else:
            yield from cut_pickles(content)


def cut_pickles(content):
    stream = io.BytesIO(content)
    while content[stream.tell():stream.tell() + 1] == b"\x80":
        begin = stream.tell()
        try:
            for _ in pickletools.genops(stream):
                pass
        except (ValueError, UnicodeDecodeError):
            return
        yield content[begin:stream.tell()]


def zstd_frame(block, kind, size):
    """One frame with a window of 1 KiB and one block: kind 0 holds bytes as they stand, 1 repeats one."""
    return b"\x28\xb5\x2f\xfd\0\0" + struct.pack("<I", size << 3 | kind << 1 | 1)[:3] + block


def lines():
    text = b'{"text": "one"}\r\n\n{"text": "\xc3\xa9\xe2\x82\xac"}\nlast'
    frame = zstd_frame(text, 0, len(text))
    packed = gzip.compress(text, mtime=0)
    return [text, packed, packed + packed, gzip.compress(bytes(70000), mtime=0), frame, frame + frame,
            zstd_frame(b"a", 1, 1000)]


def tensors():
    header = b'{"__metadata__":{"a":"b"},"x":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},' \
             b'"y":{"dtype":"U8","shape":[],"data_offsets":[8,9]},"z":{"dtype":"I64","shape":[0,3],"data_offsets":[9,9]}}'
    return [struct.pack("<Q", len(header)) + header + bytes(9), struct.pack("<Q", 2) + b"{}"]


def recipes():
    """Each recipe with its parts behind it, as recipe_fuzz.cc takes them apart."""
    for text in files("recipes/*.yaml"):
        for part, name in zip(re.findall(rb"\.\./configs/\S+?\.yaml", text), (b"a.yaml", b"b.yaml")):
            content = (ROOT / "recipes" / part.decode()).read_bytes()
            text = text.replace(part, name) + b"\n=== " + name + b"\n" + content
        yield text
    yield from files("tests/fuzz/seeds/recipe/*")


def seeds():
    torch_files = files("tests/golden/formats/**/*.bin")
    tasks = files("configs/task/*.yaml")
    return {"safetensors": tensors(), "zip_index": torch_files, "torch_file": torch_files, "pickle": list(pickles()),
            "lines": lines(), "json": files("tests/golden/checkpoint/**/*.json"),
            "yaml": files("configs/**/*.yaml") + files("tests/fuzz/seeds/recipe/*"), "task_file": tasks,
            "overrides": [b"name=b\nstages.parent.pretrain.steps=50k steps\na.b.c={d: [1, 'e']}"],
            "recipe": list(recipes()), "control_read": [b"\1\0\0\0a"], "control_claim": [b"\1\0\0\0a"]}


def quoted(word):
    content = word.encode() if isinstance(word, str) else word
    return '"' + "".join(f"\\x{byte:02x}" for byte in content) + '"\n'


def write(folder):
    """folder/<target>/seeds/<number>, folder/<target>/words."""
    for target, contents in seeds().items():
        place = folder / target / "seeds"
        shutil.rmtree(place, ignore_errors=True)  # none of an older version
        place.mkdir(parents=True)
        for number, content in enumerate(contents):
            (place / f"{number:03}").write_bytes(content)
    for target, words in dictionaries().items():
        (folder / target / "words").write_text("".join(quoted(word) for word in words))
