"""What a recipe says about validation, the best checkpoints, early stopping and bad steps; time limits, other machines,
ledgers."""
import json

from bad_input.case import make_folder, put, remove, table
from regroup_cli import write_tiny

FILE = "recipe.yaml"
PARENT, TUNE = "stages.parent.pretrain", "stages.gqa_copy.finetune"
ENTRY = {"action": "skipped", "step": 3, "position": 16, "examples": 8, "ids": [], "reason": "x", "loss": "nan",
         "gradient_norm": 1.0, "learning_rate": 0.1, "time": 1.0}

case = table(lambda folder: write_tiny(folder))


def override(name, value, *parts):
    return case(name, [], ["plan", FILE, "--set", value], *parts)


def replay(name, ledger, flags, *parts):
    """A run folder with the recipe and one stage's ledger."""
    steps = [make_folder("runs"), make_folder("runs/tiny"), make_folder("runs/tiny/parent")]
    if ledger is not None:
        steps += [put("runs/tiny/recipe.yaml", "include: [../../recipe.yaml]\n"),
                  put("runs/tiny/parent/ledger.jsonl", ledger)]
    return case(name, steps, ["replay", "runs/tiny", *flags], *parts)


GOOD = json.dumps(ENTRY) + "\n"

CASES = [
    override("validate on nothing", f"{PARENT}.validate={{every: 5}}", "validate", "neither a corpus nor tasks"),
    override("validate on a corpus that is trained on", f"{PARENT}.validate.corpus=[held, prose]", "prose", "also trained on"),
    override("validate on an unknown corpus", f"{PARENT}.validate.corpus=[held, hedl]", "hedl", 'did you mean "held"'),
    override("validate on a corpus twice", f"{PARENT}.validate.corpus=[held, held]", "twice"),
    override("validate on an unknown task", f"{PARENT}.validate.tasks=[cpoy]", "cpoy", 'did you mean "copy"'),
    override("keep_best by an unknown name", f"{PARENT}.keep_best=heldout_los", 'did you mean "heldout_loss"'),
    override("keep_best by a task that is not validated", f"{PARENT}.keep_best=copy/rouge1", "expected one of heldout_loss"),
    override("keep_best twice by one name", f"{TUNE}.keep_best=[loss, loss]", "twice"),
    override("keep_best by another task's metric", f"{TUNE}.keep_best=bleu", "expected one of"),
    override("early stopping without keep_best", f"{PARENT}.early_stopping.patience=2", "keep_best"),
    override("negative patience", f"{TUNE}.early_stopping.patience=-1", "at least 0"),
    override("the task itself as a further one", f"{TUNE}.validate_tasks=[copy]", "the task itself"),
    override("a policy for bad steps that is none", f"{PARENT}.guard.bad_steps=skipp", 'did you mean "skip"'),
    override("most_skips where nothing is skipped", f"{PARENT}.guard.most_skips=3", "has no effect with bad_steps: stop"),
    override("a negative explosion", f"{PARENT}.guard.explosion=-1", "at least 0"),
    override("negative minutes", f"{PARENT}.save.minutes=-1", "at least 0"),
    case("a path with a variable that is not set", [],
         ["run", FILE, "--set", "corpora.prose.files=[\"${REGROUP_NO_SUCH_FOLDER}/a.txt\"]"], "REGROUP_NO_SUCH_FOLDER",
         "is not set", "export"),
    case("a device that is none", [], ["plan", FILE, "--device-spec", "h10:8"], "--device-spec", "h100"),
    case("no devices", [], ["plan", FILE, "--device-spec", "h100:0"], "--device-spec", "h100:8"),
    case("calibrating another machine", [], ["plan", FILE, "--device-spec", "h100", "--calibrate"], "--calibrate"),
    case("a time limit that is none", [], ["run", FILE, "--stop-after", "soon"], "--stop-after", "3h50m"),
    case("a time limit without a unit", [], ["run", FILE, "--stop-after", "90"], "--stop-after", "3h50m"),
    case("replay of no run", make_folder("other"), ["replay", "other"], "other", "no run folder"),
    case("replay of what is not there", [], ["replay", "none"], "none"),
    replay("replay without a ledger", None, [], "no run folder"),
    replay("replay of an entry that is not there", GOOD, ["--entry", "2"], "--entry", "1 entries"),
    replay("replay of another stage", GOOD, ["--stage", "parnt"], "--stage", 'did you mean "parent"'),
    replay("a ledger that is none", "{\"a\": 1}\n" + GOOD, [], "ledger.jsonl:1"),
    replay("a ledger with a broken line", GOOD + "{]\n" + GOOD, [], "ledger.jsonl:2"),
]
CONTROLS = [
    case("several validations, and what they decide", [],
         ["plan", FILE, "--set", f"{PARENT}.validate={{corpus: held, tasks: [copy], every: 5}}", "--set",
          f"{PARENT}.keep_best=[copy/rouge1, heldout_loss]", "--set", f"{PARENT}.early_stopping.patience=2", "--set",
          f"{PARENT}.guard={{bad_steps: skip, most_skips: 3}}"]),
    case("another machine", [], ["plan", FILE, "--device-spec", "a100-80gb:4"]),
]
