"""Rows for score, generate, evaluate and inspect: the JSON of a line, its keys, ids and texts."""
from bad_input.case import HTML, LFS_POINTER, golden, gz, make_folder, put, table
from bad_input.tokenizers import larger

GOOD = '{"input_ids": [3, 4, 1], "target_ids": [5, 1]}\n'
FILE = "rows.jsonl"
SCORE, EACH = "score --model model --data rows.jsonl", "score --model model --data rows.jsonl --per-row --json"
GENERATE = "generate --model model --data rows.jsonl --max-length 4"
BAD = GOOD + "{]\n" + GOOD

case = table(golden("v1_1"))
bytes_model = table(golden("v1_1"), *larger(16))


def row(name, line, *parts, command=SCORE, made=case, **options):
    """A good row and then this one."""
    content = GOOD.encode() + (line.encode() if isinstance(line, str) else line) + b"\n"
    return made(name, put(FILE, content), command, f"{FILE}:2", *parts, **options)


def ids(name, value, *parts, key="input_ids", command=SCORE):
    other = '"target_ids": [5, 1]' if key == "input_ids" else '"input_ids": [5, 1]'
    return row(name, f'{{"{key}": {value}, {other}}}', f'"{key}"', *parts, command=command)


CASES = [
    # The file
    case("no such rows", [], SCORE, FILE, "No such file"),
    case("rows are a folder", make_folder(FILE), SCORE, FILE, "folder"),
    case("rows are an empty file", put(FILE, ""), SCORE, FILE, "no rows"),
    case("rows are a web page", put(FILE, HTML), SCORE, f"{FILE}:1", "web page"),
    case("rows are a pointer of Git LFS", put(FILE, LFS_POINTER), GENERATE, f"{FILE}:1", "Git LFS"),
    case("rows are gzip under another name", put(FILE, gz(GOOD)), SCORE, f"{FILE}:1", ".gz"),
    case("rows in UTF-16", put(FILE, GOOD.encode("utf-16")), SCORE, f"{FILE}:1", "UTF-16"),
    case("rows are one list", put(FILE, f"[{GOOD.strip()}]"), SCORE, f"{FILE}:1", "object"),
    case("only blank lines", put(FILE, "\n\n\n"), SCORE, f"{FILE}:1", "empty"),
    # The JSON of a line
    row("a line that is no JSON", "{'input_ids': [3]}", "not valid JSON"),
    row("a line that is cut off", '{"input_ids": [3, 4', "not valid JSON"),
    row("a blank line", "", "empty"),
    row("a line with a key twice", '{"input_ids": [3], "input_ids": [4], "target_ids": [1]}', "twice"),
    row("a line nested deep", "[" * 100000, "nested deeper than 100"),
    row("two objects in a line", '{"input_ids": [3], "target_ids": [1]} {"input_ids": [3]}', "not valid JSON"),
    row("a line of 8 MB", "x" * 8_000_000, "not valid JSON"),
    row("a line with a NUL", b'{"input_ids": [3]\x00}', "not valid JSON"),
    row("a number too large for any type", '{"input_ids": [1e999], "target_ids": [1]}', "too large"),
    # Keys
    row("no keys", "{}", "input", "input_ids"),
    row("bytes of zero behind the row", '{"input_ids": [1], "target_ids": [1]}\0\0', "a byte of zero"),
    row("a key that is nearly one", '{"inputs": "a", "target_ids": [1]}', '"inputs"'),
    row("text and ids", '{"input": "a", "input_ids": [3], "target_ids": [1]}', '"input"', '"input_ids"'),
    row("two targets", '{"input_ids": [3], "target": "a", "target_ids": [1]}', '"target"', '"target_ids"'),
    row("no target to score", '{"input_ids": [3]}', "target"),
    row("an input of null", '{"input": null, "target_ids": [1]}', '"input" is null'),
    row("an empty list of targets", '{"input_ids": [3], "targets": []}', '"targets" is []'),
    # Ids
    ids("an id beyond the vocabulary", "[3, 24]", "24", "0 to 23"),
    ids("an id of -100", "[3, -100]", "-100", "padding"),
    ids("a target id of -100", "[3, -100]", "-100", "padding", key="target_ids"),
    ids("an id beyond 64 bits", "[3, 36893488147419103232]", "index 1"),
    ids("an empty list of ids", "[]", "[]"),
    ids("ids as texts", '["3", "4"]', '"3"', "index 0"),
    ids("ids in a list of lists", "[[3, 4]]", "[3,4]"),
    ids("ids that are a text", '"3 4 1"', '"3 4 1"'),
    ids("a million ids and a bad one", "[" + "3, " * 1_000_000 + "24]", "24", "index 1000000"),
    # Text
    row("text that is not UTF-8", b'{"input": "gr\xfc\xdfe", "target": "a"}', "UTF-8", made=bytes_model),
    row("half of a surrogate pair", '{"input": "\\ud83d", "target": "a"}', "surrogate", made=bytes_model),
    # Good rows before a bad one
    case("score prints nothing", put(FILE, BAD), SCORE, f"{FILE}:2"),
    case("score --per-row prints the rows before", put(FILE, BAD), EACH, f"{FILE}:2", rows=1),
    case("generate prints the rows before", put(FILE, BAD), GENERATE, f"{FILE}:2", rows=1),
    case("generate prints the 40 rows before", put(FILE, GOOD * 40 + "\n"), GENERATE, f"{FILE}:41", rows=40),
    # Other commands that read rows
    case("rows of a folder for inspect", make_folder("empty"), "inspect empty", "empty"),
]
CONTROLS = [
    case("rows", put(FILE, GOOD), EACH),
    case("rows to decode", put(FILE, GOOD), GENERATE),
    case("a byte order mark", put(FILE, b"\xef\xbb\xbf" + GOOD.encode()), SCORE),
    case("lines that end in CR LF", put(FILE, GOOD.replace("\n", "\r\n")), SCORE),
    case("no newline at the end", put(FILE, GOOD.strip()), SCORE),
    bytes_model("an empty text, a NUL in text", put(FILE, '{"input": "", "target": "a\\u0000b"}\n'), SCORE),
]
