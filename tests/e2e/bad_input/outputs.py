"""Places to write to: taken, absent, impossible, or the input itself; and run folders that are not what they seem."""
from bad_input.case import golden, link, make_folder, put, table
from bad_input.recipes import RUN
from bad_input.tasks import EVALUATE, GOOD, TASK
from bad_input.tokenizers import larger
from regroup_cli import write_tiny

ROW = '{"input_ids": [3, 4, 1], "target_ids": [5, 1]}\n'
CONVERT, EXPORT = "convert --from model --kv-heads 1 --to ", "export --from model --expand-kv --to "
GENERATE = "generate --model model --data rows.jsonl --max-length 4 --output "
TRAIN = "tokenize train --files text.txt --vocab-size 120 --to "

case = table(golden("v1_1"), put("rows.jsonl", ROW), put("file", "x"), put("full/other", "kept"),
             put("text.txt", "the cat sat on the mat\n" * 50))
task = table(golden("v1_1"), *larger(16), put("task.yaml", TASK), put("rows.jsonl", GOOD), put("file", "x"),
             make_folder("empty"))
recipe = table(lambda folder: write_tiny(folder), put("file", "x"))


def settings(**changes):
    """An output that `generate` began, with settings beside it."""
    begun = {"command": "regroup generate"} | changes
    return [put("o.jsonl", '{"id": 0, "output_ids": [1]}\n'), put("o.jsonl.run.json", str(begun).replace("'", '"'))]


def run(name, step, *parts):
    """A run folder that a run began, with something wrong in it. Its lock holds the number of the last process."""
    return recipe(name, [put("out/.lock", "1\n"), step], RUN + " --out out", *parts, changes=("out/.lock",))


CASES = [
    # Folders of convert, export and tokenize train
    case("convert into a file", [], CONVERT + "file", "file", "is a file"),
    case("convert into a full folder", [], CONVERT + "full", "full", "not empty"),
    case("convert over a folder of somebody else", [], CONVERT + "full --overwrite", "full", "regroup.json"),
    case("convert into the source", [], CONVERT + "model", "model", "source"),
    case("convert over the source", [], CONVERT + "model --overwrite", "model", "source"),
    case("convert over the folder above the source", [], CONVERT + ". --overwrite", "."),
    case("convert into the source by a link", link("same", "model"), CONVERT + "same --overwrite", "same", "source"),
    case("convert below a file", [], CONVERT + "file/below", "file/below", "file"),
    case("convert into a place of the system", [], CONVERT + "/proc/regroup", "/proc/regroup"),
    case("convert into /dev/null", [], CONVERT + "/dev/null", "/dev/null"),
    case("convert through a link to nothing", link("to", "nowhere"), CONVERT + "to", "to", "nowhere"),
    case("convert through a link to itself", link("to", "to"), CONVERT + "to", "to"),
    case("convert into a name of 300 letters", [], CONVERT + "n" * 300, "n" * 200, "name"),
    case("convert into an empty name", [], ["convert", "--from", "model", "--kv-heads", "1", "--to", ""], "--to",
         "is empty"),
    case("export into a file", [], EXPORT + "file", "file", "is a file"),
    case("export below a file", [], EXPORT + "file/below/more", "file"),
    case("a vocabulary into a file", [], TRAIN + "file", "file", "is a file"),
    case("a vocabulary into a full folder", [], TRAIN + "full", "full", "not empty"),
    # Files of generate and evaluate
    case("generate into a folder", [], GENERATE + "full", "full", "folder"),
    case("generate into its own rows", [], GENERATE + "rows.jsonl", "rows.jsonl", "--data"),
    case("generate into a folder that is not there", [], GENERATE + "no/o.jsonl", "no", "there is no folder"),
    case("generate below a file", [], GENERATE + "file/o.jsonl", "file"),
    case("generate into a file of somebody else", [], GENERATE + "file", "file", "did not begin it"),
    case("generate into a place of the system", [], GENERATE + "/proc/regroup.jsonl", "/proc/regroup.jsonl"),
    case("generate through a link to itself", link("to", "to"), GENERATE + "to", "to"),
    case("generate goes on with other settings", settings(model="other"), GENERATE + "o.jsonl", "o.jsonl",
         "begun with another", "model"),
    case("generate goes on with broken settings", [settings()[0], put("o.jsonl.run.json", "{")], GENERATE + "o.jsonl",
         "o.jsonl.run.json", "not valid JSON"),
    case("generate goes on with settings of somebody else", [settings()[0], put("o.jsonl.run.json", "[]")],
         GENERATE + "o.jsonl", "o.jsonl.run.json", "was not written by regroup"),
    case("settings of somebody else and no output", put("o.jsonl.run.json", "{}"), GENERATE + "o.jsonl",
         "o.jsonl.run.json"),
    task("evaluate into a folder", [], EVALUATE.replace("out.jsonl", "empty"), "empty", "folder"),
    task("evaluate into its own rows", [], EVALUATE.replace("out.jsonl", "rows.jsonl"), "rows.jsonl", "--data"),
    task("evaluate into its own task", [], EVALUATE.replace("out.jsonl", "task.yaml"), "task.yaml", "--task"),
    task("evaluate into the model's config", [], EVALUATE.replace("out.jsonl", "model/config.json"),
         "model/config.json", "of the model"),
    task("evaluate into a folder that is not there", [], EVALUATE.replace("out.jsonl", "no/o.jsonl"), "no",
         "there is no folder"),
    task("evaluate into a place of the system", [], EVALUATE.replace("out.jsonl", "/proc/regroup.jsonl"),
         "/proc/regroup.jsonl"),
    # Run folders
    recipe("run into a file", [], RUN + " --out file", "file"),
    recipe("run into a place of the system", [], RUN + " --out /proc/regroup", "/proc/regroup"),
    recipe("run into a folder with a recipe of somebody's own", put("out/recipe.yaml", "name: mine\n"),
           RUN + " --out out", "out", "recipe.yaml", "no run wrote"),
    recipe("run into the recipe's own folder", [], RUN + " --out .", "error: .: holds a recipe.yaml", "no run wrote"),
    recipe("run where runs is a file", put("runs", "x"), RUN, "runs"),
    recipe("run through a link to itself", link("out", "out"), RUN + " --out out", "out"),
    run("a stage's folder is a file", put("out/parent", "x"), "out/parent", "is a file"),
    run("a stage's record is broken", put("out/parent/stage.json", "{"), "out/parent/stage.json", "not valid JSON"),
    run("a stage's record is a list", put("out/parent/stage.json", "[]"), "out/parent/stage.json", "damaged"),
    run("a stage's record of wrong types", put("out/parent/stage.json", '{"hash": 3, "kind": [], "keys": 1}'),
        "out/parent/stage.json", "damaged"),
    recipe("inspect a stage whose record is broken", put("out/stage.json", "{"), "inspect out", "out/stage.json"),
    recipe("inspect a stage whose record is a list", put("out/stage.json", "[]"), "inspect out", "out/stage.json",
           "object"),
    recipe("inspect a stage of wrong types", put("out/stage.json", '{"kind": 7, "result": {"model": 5}}'),
           "inspect out", "out/stage.json"),
    recipe("inspect a run whose stage is broken",
           [put("out/recipe.yaml", "name: x\n"), put("out/a/stage.json", "null")], "inspect out", "out/a/stage.json"),
    recipe("inspect what is not there", [], "inspect nowhere", "nowhere", "no such file or folder"),
    case("a checkpoint whose manifest is broken", put("model/manifest.json", "{"),
         "score --model model --data rows.jsonl", "model/manifest.json"),
    case("a checkpoint whose manifest is a list", put("model/manifest.json", "[]"),
         "score --model model --data rows.jsonl", "model/manifest.json"),
    case("a checkpoint whose manifest names a missing file",
         put("model/manifest.json", '{"files": {"gone.bin": {"bytes": 3, "hash": "00"}}}'),
         "score --model model --data rows.jsonl", "model"),
    case("a provenance that is a list", put("model/regroup.json", "[3]"), CONVERT + "out", "model/regroup.json"),
]
CONTROLS = [
    case("a new folder", [], CONVERT + "out"),
    case("an empty folder", make_folder("out"), CONVERT + "out"),
    case("a new file", [], GENERATE + "o.jsonl"),
    task("predictions", [], EVALUATE),
    case("a vocabulary", [], TRAIN + "out"),
]
