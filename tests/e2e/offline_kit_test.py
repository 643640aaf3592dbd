"""A checkout and an offline kit are enough: copied to a folder of their own, with an empty cache and without a network,
the binary is built from the kit's sources alone and does its work. Label kit.

The kit is build/regroup-kit.tar (.ci/run makes it; scripts/offline_kit --out build/regroup-kit.tar); without it the test
is skipped. What it builds stays in build/kit_check, so that a second run compiles what has changed. Two things are not
built again: LibTorch is the one of this build, and SentencePiece is taken as scripts/setup built it here, from the archive
that the kit holds too.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(os.environ["REGROUP_SOURCE_DIR"])
KIT = SOURCE / "build/regroup-kit.tar"
NODE = SOURCE / "build/kit_check"
CHECKOUT, CACHE = NODE / "checkout", NODE / "cache"
BINARY = CHECKOUT / "build/smoke/bin/regroup"
os.environ["REGROUP_BINARY"] = str(BINARY)

from regroup_cli import expect, main, run, write_tiny  # noqa: E402 (reads REGROUP_BINARY)

OURS = ("absl", "CLI/", "nlohmann", "utf8proc.h", "xxhash.h", "yaml-cpp", "zlib.h", "zstd.h", "gtest")
LIBTORCH = re.compile(r"libtorch|libc10|libgomp|libstdc\+\+|libgcc_s|libm\.|libc\.|ld-linux")


def tracked():
    """Files of the checkout that belong to it, from its top."""
    listed = subprocess.run(["git", "-C", SOURCE, "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True,
                            check=False)
    if listed.returncode == 0:
        return [name for name in listed.stdout.splitlines() if (SOURCE / name).is_file()]
    return [str(p.relative_to(SOURCE)) for p in SOURCE.rglob("*")
            if p.is_file() and p.relative_to(SOURCE).parts[0] not in ("build", "runs", ".git")]


def copy_checkout():
    """Times of files stay, so that ninja sees what has changed; files that are gone go."""
    names = set(tracked())
    for name in names:
        to = CHECKOUT / name
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(SOURCE / name, to)
    for path in list(CHECKOUT.rglob("*")):
        inside = path.relative_to(CHECKOUT)
        if path.is_file() and inside.parts[0] != "build" and str(inside) not in names:
            path.unlink()


def copy_sentencepiece():
    home = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    built = next((home / "regroup").glob("sentencepiece-*"))
    to = CACHE / "regroup" / built.name
    if not to.exists():
        shutil.copytree(built, to)


def libtorch():
    """The folder that this build links."""
    cache = (pathlib.Path(os.environ["REGROUP_BUILD_DIR"]) / "build.ninja").read_text()
    return re.search(r"([^ ,]+)/lib/libtorch_cpu\.so", cache).group(1)


def no_network():
    """What goes before a command so that it has no network; nothing where that is not allowed."""
    for unshare in (["unshare", "--net"], ["unshare", "--net", "--map-root-user"]):
        if shutil.which("unshare") and subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode == 0:
            return unshare
    print("note: no network namespace can be made here, the network stays reachable", flush=True)
    return []


def attempt(*command):
    env = {k: v for k, v in os.environ.items() if not k.startswith("REGROUP_") and k != "Torch_DIR"}
    env.update(XDG_CACHE_HOME=str(CACHE), REGROUP_LIBTORCH=libtorch(), REGROUP_PRESET="smoke")
    started = time.monotonic()
    done = subprocess.run([*no_network(), *command], cwd=CHECKOUT, env=env, capture_output=True, text=True, check=False)
    print(f"        {command[0]}: {time.monotonic() - started:.0f} s", flush=True)
    return done


def on_node(*command):
    done = attempt(*command)
    expect(done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done


def tool(name):
    return str(pathlib.Path((CHECKOUT / "build/kit").read_text().strip()) / "tools/bin" / name)


def build():
    """The preset smoke compiles a room as one file; a room that cannot be is compiled file by file."""
    cache = CHECKOUT / "build/smoke/CMakeCache.txt"
    while True:
        done = attempt("scripts/regroup", "--version")
        rooms = set(re.findall(r"FAILED: .*CMakeFiles/regroup_(\w+?)(?:_config)?\.dir/Unity", done.stderr))
        if not rooms:
            return on_node("scripts/regroup", "--version")
        print(f"note: not as one file: {' '.join(sorted(rooms))}; cmake/Rooms.cmake can list them", flush=True)
        known = re.search(r"REGROUP_NO_UNITY:STRING=(.*)", cache.read_text()).group(1).split(";")
        expect(not rooms & set(known), f"{rooms} do not compile:\n{done.stderr[-4000:]}")
        on_node(tool("cmake"), f"-DREGROUP_NO_UNITY={';'.join([*known, *sorted(rooms)])}", "build/smoke")


def the_kit_sets_up_and_builds():
    CHECKOUT.mkdir(parents=True, exist_ok=True)
    copy_checkout()
    copy_sentencepiece()
    done = on_node("scripts/setup", "--kit", str(KIT))
    expect("done" in done.stderr, done.stderr)
    done = build()
    expect(done.stdout.startswith("regroup "), done.stdout)


def ninja(*arguments):
    return subprocess.run([tool("ninja"), "-C", CHECKOUT / "build/smoke", *arguments], capture_output=True, text=True,
                          check=True).stdout


def no_library_of_the_distribution_was_used():
    headers = {line.strip() for line in ninja("-t", "deps").splitlines() if line.startswith(" ")}
    kit = (CHECKOUT / "build/kit").read_text().strip()
    expect(any(h.startswith(f"{kit}/abseil/") for h in headers), "the control: Abseil's headers are the kit's")
    foreign = [h for h in headers if h.startswith("/usr/") and any(f"/include/{name}" in h for name in OURS)]
    expect(foreign == [], foreign)
    needed = re.findall(r"NEEDED.*\[(.*)\]", subprocess.run(["readelf", "-d", BINARY], capture_output=True, text=True,
                                                            check=True).stdout)
    expect("libtorch_cpu.so" in needed, needed)
    expect([name for name in needed if not LIBTORCH.match(name)] == [], needed)


def no_symbol_of_the_kit_is_exported():
    """LibTorch could meet them: it carries some of the same libraries."""
    def names(*options):
        return subprocess.run(["nm", "--defined-only", *options, BINARY], capture_output=True, text=True, check=True).stdout

    kit = re.compile(r" (inflate|ZSTD_decompress|utf8proc_\w+|_ZN4absl\w+|_ZN4YAML\w+|XXH\w+)$", re.MULTILINE)
    expect(len(kit.findall(names())) > 50, "the control: the symbols are in the full table")
    expect(kit.findall(names("-D")) == [], kit.findall(names("-D"))[:5])


def the_binary_does_its_work():
    with tempfile.TemporaryDirectory() as folder:
        recipe = write_tiny(folder)
        code, _, err = run("run", recipe, "--only", "tokenizer", "--only", "parent", "--only", "gqa", "--out", f"{folder}/run", cwd=folder)
        expect(code == 0, err)
        with open(f"{folder}/rows.jsonl", "w", encoding="utf-8") as file:
            file.write('{"input": "a small model", "target": "reads text"}\n')
        code, out, err = run("score", "--model", f"{folder}/run/gqa/model", "--data", f"{folder}/rows.jsonl", "--json")
        expect(code == 0 and '"rows":1' in out, f"{out}{err}")


def all_of_it():
    for check in (the_kit_sets_up_and_builds, no_library_of_the_distribution_was_used, no_symbol_of_the_kit_is_exported,
                  the_binary_does_its_work):
        check()
        print(f"        {check.__name__}", flush=True)


if not KIT.exists():
    print(f"skipped: no {KIT.relative_to(SOURCE)} (scripts/offline_kit --out {KIT.relative_to(SOURCE)} makes it)")
    sys.exit(77)
main([all_of_it])
