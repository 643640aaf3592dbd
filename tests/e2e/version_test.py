"""--version: a short first line, the same facts as JSON, and a commit that says when the tree differs."""

import json
import os
import re
import subprocess
import tempfile

from regroup_cli import SOURCE, expect, main, run

COMMIT = r"[0-9a-f]{12}(-dirty)?|unknown"


def the_first_line_is_version_and_commit():
    code, out, err = run("--version")
    lines = out.splitlines()
    expect(code == 0 and err == "" and len(lines) == 5, f"exit {code}: {out}{err}")
    expect(re.fullmatch(rf"regroup \d+\.\d+\.\d+ \(({COMMIT})\)", lines[0]), lines[0])
    for line, start in zip(lines[1:], ["LibTorch 2.", "CUDA ", "instruction sets ", "compiler "]):
        expect(line.startswith(start), line)


def json_says_the_same():
    code, out, _ = run("--version", "--json")
    facts = json.loads(out)
    _, text, _ = run("--version")
    expect(code == 0, out)
    expect(f"regroup {facts['regroup']} ({facts['commit']})" in text, text)
    for key in ("libtorch", "aten", "compiler"):
        expect(facts[key] in text, f"{key}: {facts[key]} in\n{text}")
    expect(" ".join(facts["instruction_sets"]) in text, text)
    expect(("CUDA none" in text) == (facts["cuda"] is None), text)


def anything_else_behind_it_is_refused():
    code, out, err = run("--version", "--jsn")
    expect(code == 2 and out == "" and "--json" in err, err)


def written_commit(source, folder):
    out = f"{folder}/commit.cc"
    subprocess.run(["cmake", f"-DSOURCE={source}", f"-DOUT={out}", "-P", f"{SOURCE}/cmake/Commit.cmake"], check=True)
    with open(out, encoding="utf-8") as file:
        return re.search(r'kCommit\[\] = "(.*)"', file.read()).group(1)


def the_commit_is_that_of_the_tree():
    with tempfile.TemporaryDirectory() as folder:
        tree = f"{folder}/tree"
        os.mkdir(tree)
        expect(written_commit(tree, folder) == "unknown", "a tree without git")
        git = ["git", "-C", tree, "-c", "user.name=a", "-c", "user.email=a@b"]
        with open(f"{tree}/file", "w", encoding="utf-8") as file:
            file.write("one")
        subprocess.run([*git, "init", "--quiet"], check=True)
        subprocess.run([*git, "add", "file"], check=True)
        subprocess.run([*git, "commit", "--quiet", "-m", "one"], check=True)
        head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout
        expect(written_commit(tree, folder) == head[:12], "a clean tree")
        with open(f"{tree}/file", "w", encoding="utf-8") as file:
            file.write("two")
        expect(written_commit(tree, folder) == f"{head[:12]}-dirty", "a changed tree")


main([the_first_line_is_version_and_commit, json_says_the_same, anything_else_behind_it_is_refused,
      the_commit_is_that_of_the_tree])
