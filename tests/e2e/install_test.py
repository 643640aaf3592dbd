"""cmake --install: the binary runs from wherever its folder is moved, without the source tree, by names of recipes."""

import json
import os
import shutil
import subprocess
import tempfile

from regroup_cli import SOURCE, expect, main

BUILD = os.environ["REGROUP_BUILD_DIR"]
SMALL = ["tokenizer.train.vocab_size=300", "stages.parent.pretrain.steps=1", "stages.parent.pretrain.batch.examples=2",
         "stages.parent.pretrain.validate.rows=2"]


def hides_source():
    """What goes before a command so that it does not see the source tree; nothing where that is not allowed."""
    for unshare in (["unshare", "--mount"], ["unshare", "--mount", "--map-root-user"]):
        script = f'mount --make-rprivate / && mount -t tmpfs none "{SOURCE}" && test ! -e "{SOURCE}/recipes" && exec "$@"'
        command = [*unshare, "sh", "-c", script, "sh"]
        if shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
            return command
    print("note: no mount namespace can be made here, the source tree stays visible", flush=True)
    return []


class Installed:
    def __init__(self, folder):
        self.folder = folder
        first = f"{folder}/first"
        done = subprocess.run(["cmake", "--install", BUILD, "--prefix", first], capture_output=True, text=True, check=False)
        expect(done.returncode == 0, done.stdout + done.stderr)
        self.prefix = f"{folder}/moved/elsewhere"
        os.makedirs(f"{folder}/moved")
        os.rename(first, self.prefix)
        self.work = f"{folder}/work"
        os.mkdir(self.work)
        self.hide = hides_source()

    def run(self, *arguments, **environment):
        env = {k: v for k, v in os.environ.items() if not k.startswith("REGROUP_")}
        done = subprocess.run([*self.hide, f"{self.prefix}/bin/regroup", *arguments], cwd=self.work, capture_output=True,
                              text=True, env=env | environment, check=False)
        return done.returncode, done.stdout, done.stderr

    def good(self, *arguments, **environment):
        code, out, err = self.run(*arguments, **environment)
        expect(code == 0, f"{arguments}: exit {code}\n{err}")
        return out


def the_installed_tree_has_what_it_needs_and_nothing_else(installed):
    expect(sorted(os.listdir(installed.prefix)) == ["bin", "share"], os.listdir(installed.prefix))
    expect(os.listdir(f"{installed.prefix}/bin") == ["regroup"], os.listdir(f"{installed.prefix}/bin"))
    notices = os.listdir(f"{installed.prefix}/share/doc/regroup")
    expect(sorted(notices) == ["LICENSE", "NOTICE"], notices)


def recipes_are_found_by_name_after_a_move(installed):
    names = [row["name"] for row in json.loads(installed.good("recipes", "list", "--json"))]
    expect("quickstart" in names, names)
    expect("stages:" in installed.good("recipes", "show", "quickstart"), "recipes show")
    stages = json.loads(installed.good("plan", "quickstart", "--json"))["stages"]
    expect(len(stages) > 10, stages)
    expect(os.listdir(installed.work) == [], "plan wrote something")


def a_recipe_runs_by_name_and_a_task_is_found_by_name(installed):
    few = f"tokenizer.train.files=[{installed.prefix}/share/regroup/data/sample/prose_heldout.jsonl.gz]"
    sets = [part for one in [few, *SMALL] for part in ("--set", one)]
    installed.good("run", "quickstart", "--only", "tokenizer", "--only", "parent", *sets)
    with open(f"{installed.work}/rows.jsonl", "w", encoding="utf-8") as file:
        file.write('{"description": "A tool that sorts lines.", "synopsis": "sorts lines"}\n')
    out = installed.good("evaluate", "--model", "runs/quickstart/parent/step-00000001", "--task", "titles", "--data", "rows.jsonl",
                         "--max-length", "4", "--json")
    expect(json.loads(out)["rows"] == 1, out)


def a_name_that_is_not_shipped_is_refused_with_what_to_do(installed):
    code, _, err = installed.run("run", "quickstrat")
    expect(code == 2 and "recipes list" in err, err)


def without_its_share_it_says_what_is_missing_and_takes_another(installed):
    shutil.move(f"{installed.prefix}/share/regroup", f"{installed.folder}/share")
    code, _, err = installed.run("recipes", "list")
    expect(code == 2 and "REGROUP_SHARE" in err, f"exit {code}: {err}")
    expect("quickstart" in installed.good("recipes", "list", REGROUP_SHARE=f"{installed.folder}/share"), "REGROUP_SHARE")


def all_of_it():
    with tempfile.TemporaryDirectory() as folder:
        installed = Installed(folder)
        for check in (the_installed_tree_has_what_it_needs_and_nothing_else, recipes_are_found_by_name_after_a_move,
                      a_recipe_runs_by_name_and_a_task_is_found_by_name,
                      a_name_that_is_not_shipped_is_refused_with_what_to_do,
                      without_its_share_it_says_what_is_missing_and_takes_another):
            check(installed)
            print(f"        {check.__name__}", flush=True)


main([all_of_it])
