"""Recipes: YAML that is none, keys and values that mean nothing, parts and stages that do not fit together."""
from bad_input.case import HTML, gz, make_folder, put, remove, replace, table
from regroup_cli import TINY, write_tiny

FILE = "recipe.yaml"
PLAN, RUN = "plan recipe.yaml", "run recipe.yaml"

case = table(lambda folder: write_tiny(folder))


def line_of(text):
    """Line of the good recipe in which a text stands first."""
    return TINY[:TINY.index(text)].count("\n") + 1


def changed(name, old, new, *parts, command=RUN, at=None):
    """A text of the recipe is another; the message names its line."""
    line = line_of(old) if at is None else at  # "" where the message names another place of the file
    return case(name, replace(FILE, old, new), command, f"{FILE}:{line}" if line else FILE, *parts)


def whole(name, text, *parts, command=RUN):
    return case(name, put(FILE, text), command, FILE, *parts)


def override(name, value, *parts):
    return case(name, [], ["plan", FILE, "--set", value], *parts)


def bomb(levels, width):
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


def includes(levels):
    """Each part includes the next one twice."""
    return [put(f"p{n}.yaml", f"include: [p{n + 1}.yaml, p{n + 1}.yaml]\n") for n in range(levels)] + [
        put(f"p{levels}.yaml", "seed: 1\n"), put(FILE, "include: [p0.yaml]\n" + TINY)]


VARIANTS = "{" + ", ".join(f"x{n}: {{kv_heads: 1}}" for n in range(100)) + "}"
MANY = TINY.replace("for_each: {v: {", "for_each: {" + "".join(f"{v}: {VARIANTS}, " for v in "abcd") + "v: {").replace(
    "  plain: {export", '  "z{a}{b}{c}{d}": {convert: {from: parent, kv_heads: "{a.kv_heads}"}}\n  plain: {export')

def read_in_a_run(name, steps, *parts):
    """What is read only when its stage runs: the stages before it have finished, and their folders stay."""
    return case(name, steps, RUN, *parts, changes=("runs",))


PROSE = replace(FILE, "prose: {files: [text.txt], format: text}", "prose: {files: [rows.jsonl]}")

CASES = [
    # The file
    case("no such recipe", remove(FILE), RUN, FILE, "no such recipe"),
    case("a folder for a recipe", [remove(FILE), make_folder(FILE)], RUN, FILE),
    whole("a recipe that is a list", "- a\n- b\n", "a list", command=PLAN),
    whole("a web page for a recipe", HTML, "web page"),
    whole("a recipe packed with gzip", gz(TINY), "gzip"),
    whole("a recipe of zeros", bytes(1000)),
    whole("a recipe that is not UTF-8", b"seed: 1\nname: gr\xfc\xdfe\n", ":2", "UTF-8", command=PLAN),
    whole("a recipe in UTF-16", TINY.encode("utf-16"), "UTF-16"),
    whole("a recipe in JSON, cut off", '{"name": "x", "stages": {'),
    whole("a recipe of 8 MB of one letter", "x" * (8 << 20)),
    whole("a recipe of 5,000 unknown keys", TINY + "".join(f"k{n}: 1\n" for n in range(5000)), ":38", "k0",
          "more problems"),
    whole("a recipe of 200,000 keys", "".join(f"k{n}: 1\n" for n in range(200_000)), "more than 1 MiB"),
    whole("a recipe of 25,000 keys", "".join(f"k{n}: 1\n" for n in range(25_000)), "more than 20000 values"),
    # YAML
    changed("a tab in the indentation", "  prose:", "\tprose:", "a tab", "spaces"),
    changed("a bracket that stays open", "alpha: 5%,", "alpha: [5%,", "not valid YAML", at=""),
    changed("indentation that does not fit", "  parent:\n    pretrain:", "  parent:\n   x: 1\n    pretrain:", at=""),
    changed("a key twice", "seed: 3", "seed: 3\nseed: 4", '"seed"', "twice", at=4),
    changed("a stage twice", "  plain: {export", "  parent: {export", '"parent"', "twice"),
    changed("a second document", "stages:", "---\nstages:", "second YAML document", at=line_of("stages:") + 1),
    changed("an alias of nothing", "seed: 3", "seed: *nothing", "not valid YAML"),
    changed("an alias inside its own value", "seed: 3", "seed: &a [*a]", "alias"),
    whole("aliases that expand to 10^12 values", bomb(12, 10), "20000", "aliases"),
    whole("lists nested 100,000 deep", "a: " + "[" * 100_000, command=PLAN),
    whole("sections nested 3,000 deep", "\n".join(" " * n + "a:" for n in range(3000)) + " 1\n"),
    changed("a list as a key", "seed: 3", "? [a, b]\n: 3", "as a key"),
    changed("a control character", "name: tiny", "name: ti\x01ny"),
    # Parts
    changed("a part that is missing", "seed: 3", "include: [no.yaml]", "include", "no.yaml"),
    changed("a part that is the recipe itself", "seed: 3", f"include: [{FILE}]", "a cycle"),
    case("parts in a circle",
         [put("a.yaml", "include: [b.yaml]\n"), put("b.yaml", "include: [a.yaml]\n"),
          replace(FILE, "seed: 3", "include: [a.yaml]")],
         RUN, "b.yaml:1", "a cycle"),
    case("a part that is broken", [put("a.yaml", "x: [\n"), replace(FILE, "seed: 3", "include: [a.yaml]")], PLAN,
         "a.yaml:"),
    case("a part with an unknown key", [put("a.yaml", "sede: 4\n"), replace(FILE, "seed: 3", "include: [a.yaml]")],
         PLAN, "a.yaml:1", 'did you mean "seed"'),
    case("a part that is a folder", [make_folder("part"), replace(FILE, "seed: 3", "include: [part]")], RUN,
         f"{FILE}:3", "part"),
    case("parts that double thirty times", includes(30), RUN, ".yaml", "include"),
    # Top level
    changed("an unknown key", "seed: 3", "sede: 3", "sede", 'did you mean "seed"'),
    changed("a key of another section", "seed: 3", "steps: 3", '"steps" is a key of'),
    changed("no name", "name: tiny\n", "", '"name" is missing', at=""),
    changed("no stages", "stages:", "stagse:", 'did you mean "stages"'),
    changed("an empty name", "name: tiny", 'name: ""', "name"),
    changed("a name with a slash", "name: tiny", "name: a/b", '"a/b"'),
    changed("a name of two dots", "name: tiny", "name: ..", '".."'),
    changed("a negative seed", "seed: 3", "seed: -3", '"-3"', "at least 0"),
    changed("a seed beyond 64 bits", "seed: 3", "seed: 99999999999999999999", "99999999999999999999"),
    changed("a section that is a text", "corpora:\n  prose: {files: [text.txt], format: text}\n  held:",
            "corpora: prose\nxx:\n  held:", "corpora"),
    # Vocabulary, corpora, tasks
    changed("no vocabulary", "tokenizer: {train: {files: [text.txt], vocab_size: 120, extra_ids: 20}}\n", "",
            "vocabulary", at=""),
    changed("a vocabulary trained and read", "tokenizer: {train", "tokenizer: {path: tok, train",
            "both train and path"),
    changed("a vocabulary of 3 pieces", "vocab_size: 120", "vocab_size: 3", "vocab_size", '"3"', "64"),
    changed("text of the vocabulary is missing", "files: [text.txt], vocab_size", "files: [no.txt], vocab_size",
            "no.txt", at=""),
    changed("a corpus without files", "prose: {files: [text.txt], format: text}", "prose: {format: text}", '"files"'),
    changed("a corpus of no file", "prose: {files: [text.txt]", "prose: {files: []", "files", at=""),
    changed("a corpus whose pattern matches nothing", "prose: {files: [text.txt]", 'prose: {files: ["x*.txt"]',
            "x*.txt", at=""),
    changed("a corpus in an unknown format", "prose: {files: [text.txt], format: text",
            "prose: {files: [text.txt], format: csv", '"csv"', "jsonl"),
    changed("a key of the text in a corpus of lines", "prose: {files: [text.txt], format: text",
            "prose: {files: [text.txt], format: text, text: body", "no effect"),
    changed("a task without a file", "copy: {task: copy.yaml, ", "copy: {", '"task"'),
    case("a task file that is missing", replace(FILE, "task: copy.yaml", "task: none.yaml"), RUN, "none.yaml",
         "cannot be read"),
    changed("dev and test are one file", "test: test.jsonl", "test: dev.jsonl", "dev and test are one file"),
    changed("training rows are missing", "train: train.jsonl", "train: none.jsonl", "none.jsonl", at=""),
    # Variants
    changed("variants that are a number", "for_each: {v: {gqa: {kv_heads: 2}, mqa: {kv_heads: 1}}}", "for_each: 3",
            "for_each"),
    changed("a variable without variants", "for_each: {v: {gqa: {kv_heads: 2}, mqa: {kv_heads: 1}}}",
            "for_each: {v: {}}", "for_each.v"),
    changed("a variable that nothing uses", "for_each: {v:", "for_each: {w: {a: {}}, v:", "for_each.w", "no effect"),
    changed("a placeholder that is not declared", '"{v}": {convert', '"{w}": {convert', "{w}", "for_each"),
    changed("a field that no variant has", '"{v.kv_heads}"', '"{v.nope}"', "{v.nope}", '"nope"'),
    changed("a placeholder without quotes", 'kv_heads: "{v.kv_heads}"', "kv_heads: {v.kv_heads}", '"v.kv_heads"',
            "decoder_self"),
    changed("a placeholder in another stage", "from: gqa_copy, expand_kv", 'from: "{v}", expand_kv', "{v}"),
    case("variants that multiply to 10^8 stages", put(FILE, MANY), RUN, FILE, "for_each"),
    # Stages
    whole("no stage at all", TINY[:TINY.index("for_each:")] + "stages: {}\n", "stages", "is empty"),
    changed("a stage of an unknown kind", "{export: {from", "{exprot: {from", "exprot", 'did you mean "export"'),
    changed("a stage of two kinds", "plain: {export: {from: gqa_copy, expand_kv: true}}",
            "plain: {export: {from: gqa_copy}, bench: {from: [gqa_copy]}}", "stages.plain"),
    changed("a stage of no kind", "plain: {export: {from: gqa_copy, expand_kv: true}}", "plain: {}", "stages.plain"),
    changed("a stage that is called tokenizer", "  plain: {", "  tokenizer: {", "taken"),
    changed("a stage without a source", "plain: {export: {from: gqa_copy, ", "plain: {export: {", '"from"'),
    changed("a source that does not exist", "{convert: {from: parent,", "{convert: {from: praent,", '"praent"',
            'did you mean "parent"'),
    changed("a source of the wrong kind", "plain: {export: {from: gqa_copy", "plain: {export: {from: scores",
            '"scores"', "evaluate"),
    changed("stages in a circle", "{convert: {from: parent,", '{convert: {from: "{v}_up",', "circle"),
    changed("a folder that is not there", "{convert: {from: parent,", "{convert: {from: ./none,", "none", at=""),
    changed("a table of a stage that is not scored", "rows: [scores]", "rows: [plain]", '"plain"', "evaluate",
            at=line_of("table:")),
    # Values of stages
    changed("no steps", "      steps: 60\n", "", '"steps"', at=""),
    changed("nought steps", "steps: 60", "steps: 0", "steps", '"0"'),
    changed("1e30 steps", "steps: 60", "steps: 1e30", "steps", '"1e30"'),
    changed("an unknown key of a stage", "log_every: 5", "log_evry: 5", "log_evry", 'did you mean "log_every"'),
    changed("alpha above one", "alpha: 5%", "alpha: 500%", "alpha", '"500%"'),
    changed("alpha of nought", "alpha: 5%", "alpha: 0", "alpha", '"0"'),
    changed("a share beyond alpha", "evaluate_at: [0, 5%]", "evaluate_at: [0, 50%]", "evaluate_at", "alpha", at=""),
    changed("an optimizer that does not exist", "optimizer: {learning_rate: {schedule: rsqrt, warmup_steps: 100}}",
            "optimizer: {name: adma}", '"adma"', 'did you mean "adamw"'),
    changed("a key of the other optimizer", "optimizer: {learning_rate: {schedule: rsqrt, warmup_steps: 100}}",
            "optimizer: {beta1: 0.8}", "beta1", "no effect"),
    changed("a schedule that does not exist", "schedule: rsqrt", "schedule: sqrt", '"sqrt"', "rsqrt"),
    changed("a key of another schedule", "schedule: rsqrt,", "schedule: rsqrt, decay_steps: 9,", "decay_steps",
            "no effect"),
    changed("a rate below nought", "learning_rate: 0.01", "learning_rate: -0.01", "-0.01"),
    changed("a mixture of a corpus that does not exist", "mixture: {prose: 1}", "mixture: {porse: 1}", '"porse"',
            'did you mean "prose"', at=""),
    changed("a weight below nought", "mixture: {prose: 1}", "mixture: {prose: -1}", "mixture", "-1", at=""),
    changed("held-out text that is trained on", "validate: {corpus: held", "validate: {corpus: prose", "prose", at=""),
    changed("a source of 7 tokens", "source_length: 32", "source_length: 7", "source_length", '"7"', "8"),
    changed("a batch that micro-batches do not divide", "micro_batch: 4", "micro_batch: 3", "micro_batch", "divisor",
            at=""),
    changed("a model without width", "d_model: 32", "d_model: 0", "d_model", '"0"'),
    changed("a model of 10^15 layers", "num_layers: 1,", "num_layers: 1000T,", "num_layers", "4096"),
    changed("a number for true", "expand_kv: true", "expand_kv: 1", "expand_kv", '"1"', "true or false"),
    changed("heads that do not divide", "gqa: {kv_heads: 2}", "gqa: {kv_heads: 3}", "kv_heads", "3", at=""),
    changed("heads of a site that does not exist", 'kv_heads: "{v.kv_heads}"', "kv_heads: {self: 2}", "self", at=""),
    changed("heads of too many layers", 'kv_heads: "{v.kv_heads}"', "kv_heads: {cross: [2, 2, 2]}", "cross", at=""),
    changed("a method that does not exist", 'kv_heads: "{v.kv_heads}"', "kv_heads: 2, method: median", '"median"',
            "mean"),
    changed("a site that does not exist", 'kv_heads: "{v.kv_heads}"', "kv_heads: 2, sites: [decoder]", '"decoder"',
            "decoder_self"),
    changed("a task that does not exist", "from: gqa_up, task: copy", "from: gqa_up, task: cpoy", '"cpoy"',
            'did you mean "copy"', at=""),
    changed("too few resamples", "bootstrap: 100", "bootstrap: 5", "bootstrap", '"5"', "100"),
    # Data of the stages
    read_in_a_run("a corpus row that is no JSON", [PROSE, put("rows.jsonl", '{"text": "a b"}\n{]\n')], "rows.jsonl:2",
                  "not valid JSON"),
    read_in_a_run("a corpus row without its text", [PROSE, put("rows.jsonl", '{"text": "a b"}\n{"txet": "a"}\n')],
                  "rows.jsonl:2", '"text"'),
    read_in_a_run("a corpus row whose text is a number", [PROSE, put("rows.jsonl", '{"text": 5}\n')], "rows.jsonl:1",
                  '"text"'),
    read_in_a_run("a corpus that is empty", [PROSE, put("rows.jsonl", "")], "corpora.prose", "no text"),
    read_in_a_run("a corpus in .gz that is cut off",
                  [PROSE, replace(FILE, "[rows.jsonl]", "[rows.jsonl.gz]"),
                   put("rows.jsonl.gz", gz('{"text": "a b"}\n' * 50)[:-5])], "rows.jsonl.gz:", "cut off"),
    read_in_a_run("a corpus that is not UTF-8", put("held.txt", b"gr\xfc\xdfe aus\n" * 20), "held.txt:1", "UTF-8"),
    read_in_a_run("a vocabulary's text that is not UTF-8", put("text.txt", b"good\ngr\xfc\xdfe\n"), "text.txt:2",
                  "UTF-8"),
    read_in_a_run("training rows that are broken", put("train.jsonl", '{"text": "a", "word": "b"}\n{]\n'),
                  "train.jsonl:2", "not valid JSON"),
    read_in_a_run("rows of dev without a field", put("dev.jsonl", '{"text": "a"}\n'), "dev.jsonl:1", '"word"'),
    read_in_a_run("rows of test that are empty", put("test.jsonl", ""), "test.jsonl", "no rows"),
    # --set
    override("--set without a value", "seed", "seed", "="),
    override("--set without a key", "=3", "--set"),
    override("--set of a key that does not exist", "sede=4", "sede", 'did you mean "seed"'),
    override("--set of a stage that does not exist", "stages.praent.pretrain.steps=4", '"praent"',
             'did you mean "parent"'),
    override("--set of a wrong value", "stages.parent.pretrain.steps=many", "steps", '"many"'),
    override("--set of broken YAML", "seed=[1", "seed"),
    case("--only of a stage that does not exist", [], RUN + " --only praent", "praent", 'did you mean "parent"'),
    case("--redo of a stage that does not exist", [], RUN + " --redo praent", "praent", 'did you mean "parent"'),
    case("recipes show of an unknown name", [], "recipes show quikstart", "quikstart", "quickstart"),
]
CONTROLS = [
    case("the recipe", [], PLAN),
    case("the recipe, with --set", [], PLAN + " --set stages.parent.pretrain.steps=2k"),
    case("a part", [put("a.yaml", "seed: 9\n"), replace(FILE, "seed: 3", "include: [a.yaml]")], PLAN),
]
