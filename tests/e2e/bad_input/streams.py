"""Rows and corpora in .gz and .zst files: cut off, damaged, with something behind the end, or no such stream at all."""
import zlib

from bad_input.case import flip, golden, gz, put, table, zstd

LINE = '{"input_ids": [3, 4, 1], "target_ids": [5, 1], "id": "%d"}\n'
TEXT = "".join(LINE % n for n in range(200))
GZ, ZST = "rows.jsonl.gz", "rows.jsonl.zst"
SCORE = "score --model model --data {}"
GENERATE = "generate --model model --data {} --max-length 2"

case = table(golden("v1_1"))


def stream(name, file, content, *parts, command=SCORE, **options):
    return case(name, put(file, content), command.format(file), file, *parts, **options)


def long_line():
    packer = zlib.compressobj(1, wbits=31)
    return b"".join([packer.compress(b"x" * (1 << 20)) for _ in range(300)] + [packer.flush()])


def middle(content):
    """A byte in the middle of a stream is inverted."""
    return flip(len(content) // 2)(content)


RANDOM = "".join(LINE % (n * n * 7919 % 1000003) for n in range(2000))  # so that the stream is long
GOOD = gz(RANDOM)
HUGE_WINDOW = bytes.fromhex("28b52ffd") + b"\x00\xf8" + bytes(20)  # a window of 3.75 TB
FRAME_OF_1_PB = bytes.fromhex("28b52ffd") + b"\xe0" + (10**15).to_bytes(8, "little") + b"\x01\x00\x00"

CASES = [
    stream("gz: an empty file", GZ, b"", "cut off"),
    stream("gz: the magic number alone", GZ, GOOD[:2], "cut off"),
    stream("gz: cut in the middle", GZ, GOOD[:len(GOOD) // 2], f"{GZ}:", "cut off"),
    stream("gz: cut in the checksum", GZ, GOOD[:-6], "cut off"),
    stream("gz: a byte in the middle", GZ, middle(GOOD), f"{GZ}:"),
    stream("gz: a wrong checksum", GZ, flip(len(GOOD) - 8)(GOOD), f"{GZ}:", "check"),
    stream("gz: a wrong length", GZ, flip(len(GOOD) - 3)(GOOD), f"{GZ}:", "length"),
    stream("gz: plain lines", GZ, TEXT, f"{GZ}:1", "gzip", "plain"),
    stream("gz: bytes behind the end", GZ, GOOD + b"more", f"{GZ}:"),
    stream("gz: a second member that is cut off", GZ, GOOD + GOOD[:100], f"{GZ}:", "cut off"),
    stream("gz: of nothing", GZ, gz(""), "no rows"),
    stream("gz: of gzip", GZ, gz(gz(TEXT)), f"{GZ}:1", "gzip"),
    stream("gz: a bad row inside", GZ, gz(LINE % 0 + "{]\n"), f"{GZ}:2", "not valid JSON"),
    stream("gz: a line of 300 MB in 1.3 MB", GZ, long_line, "longer than 64 MiB"),
    stream("gz: 64 MB of one letter in 64 kB", GZ, gz(b"x" * (64 << 20)), f"{GZ}:1"),
    stream("gz: text that is not UTF-8", GZ, gz(b'{"input": "\xff", "target": "a"}\n'), f"{GZ}:1", "UTF-8"),
    stream("gz: cut, decoded", GZ, GOOD[:-1], "cut off", command=GENERATE, rows=2000),
    stream("gz: cut after its first rows, decoded", GZ, gz(LINE % 0)[:-4], "cut off", command=GENERATE, rows=1),
    stream("gz: cut, inspected", GZ, GOOD[:-1], "cut off", command="inspect {}"),
    stream("gz: cut, trained on", GZ, GOOD[:-1], "cut off", command="tokenize train --files {} --keys id --to out"),
    stream("zst: an empty file", ZST, b"", "cut off"),
    stream("zst: cut in the block", ZST, zstd(TEXT)[:-100], "cut off"),
    stream("zst: plain lines", ZST, TEXT, f"{ZST}:1", "zstd", "plain"),
    stream("zst: bytes behind the end", ZST, zstd(TEXT) + b"more", f"{ZST}:"),
    stream("zst: a second frame that is cut off", ZST, zstd(TEXT) + zstd(TEXT)[:50], f"{ZST}:", "cut off"),
    stream("zst: a window of terabytes", ZST, HUGE_WINDOW, f"{ZST}:1"),
    stream("zst: a frame that claims a petabyte", ZST, FRAME_OF_1_PB, f"{ZST}:1"),
    stream("zst: a block of a type that does not exist", ZST, zstd(TEXT)[:9] + b"\xff\xff\xff" + b"x" * 50, f"{ZST}:1"),
    stream("zst: a bad row inside", ZST, zstd(LINE % 0 + "{]\n"), f"{ZST}:2", "not valid JSON"),
    stream("zst: under the name of gzip", GZ, zstd(TEXT), f"{GZ}:1", "gzip"),
    stream("zst: cut, inspected", ZST, zstd(TEXT)[:-1], "cut off", command="inspect {}"),
]
CONTROLS = [
    case("gz", put(GZ, GOOD), SCORE.format(GZ)),
    case("zst", put(ZST, zstd(TEXT)), SCORE.format(ZST)),
    case("two members", put(GZ, GOOD + gz(TEXT)), SCORE.format(GZ)),
    case("two frames", put(ZST, zstd(TEXT) + zstd(TEXT)), SCORE.format(ZST)),
]
