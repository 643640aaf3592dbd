"""Shards such as C4's (c4-train.00000-of-00008.json.gz), made of real sentences in another order, and what is asked of runs on
them: memory, going on after a kill, messages that name file and line. c4_test.py takes small shards, c4_slow_test.py a
gigabyte; docs/data.md says how benchmarks/data_bench.cc reads them.

  c4_shards.py FOLDER MEGABYTES    writes eight shards of this compressed size each
"""
import gzip
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
import zlib
from multiprocessing import Pool

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARDS = 8


def prose():
    with gzip.open(os.path.join(REPOSITORY, "data/sample/prose.jsonl.gz"), "rt", encoding="utf-8") as file:
        return " ".join(json.loads(line)["text"] for line in file).split()


def document(draw, words):
    """100 to 1,600 characters: runs of two to six words that stood together."""
    starts = [draw.randrange(len(words) - 6) for _ in range(draw.randint(5, 80))]
    return " ".join(" ".join(words[start:start + draw.randint(2, 6)]) for start in starts)


def write_shard(folder, shard, size):
    draw, words, packer = random.Random(shard), prose(), zlib.compressobj(1, zlib.DEFLATED, 31)
    path, rows = os.path.join(folder, f"c4-train.{shard:05d}-of-{SHARDS:05d}.json.gz"), 0
    with open(path, "wb") as file:
        while file.tell() < size:
            url = f"https://example.org/{shard}/{rows}"
            row = {"text": document(draw, words), "timestamp": "2019-04-25T12:57:54Z", "url": url}
            file.write(packer.compress((json.dumps(row) + "\n").encode()))
            rows += 1
        file.write(packer.flush())
    return path, rows


def write_shards(folder, size):
    """[(path, rows)] of eight shards of about `size` compressed bytes."""
    with Pool(2) as pool:
        return pool.starmap(write_shard, [(folder, shard, size) for shard in range(SHARDS)], chunksize=1)


# ------------------------------------------------------------------------------------------------- runs on such shards

RECIPE = """
name: c4
seed: 3
device: cpu
tokenizer: {{train: {{files: [{folder}/vocabulary.txt], vocab_size: 1000}}}}
corpora:
  c4: {{files: ["{pattern}"], format: jsonl, text: text}}
stages:
  parent:
    pretrain:
      model: {{d_model: 8, d_kv: 4, d_ff: 8, num_layers: 1, num_decoder_layers: 1, num_heads: 2}}
      data: {{mixture: {{c4: 1}}, source_length: 512}}
      steps: {steps}
      batch: {{examples: {batch}, micro_batch: 4}}
      save: {{every: 5}}
      log_every: 1
"""
MOST_MEGABYTES = 300
MOST_SECONDS = 10  # from the command to the first step after a kill, the step included


class Shards:
    """Eight shards and runs on them, `batch` examples a step. `killed_at` is the step of the kill."""

    def __init__(self, size, batch, steps, killed_at):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder, self.batch, self.steps, self.killed_at = self.temporary.name, batch, steps, killed_at
        self.shards = write_shards(self.folder, size)
        draw, words = random.Random(99), prose()
        with open(self.path("vocabulary.txt"), "w", encoding="utf-8") as file:
            file.writelines(document(draw, words) + "\n" for _ in range(400))

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def arguments(self, name, pattern="c4-train.*.json.gz"):
        with open(self.path(name + ".yaml"), "w", encoding="utf-8") as file:
            file.write(RECIPE.format(folder=self.folder, pattern=pattern, batch=self.batch, steps=self.steps))
        return ["run", self.path(name + ".yaml"), "--out", self.path(name)]

    def metrics(self, name):
        return self.path(name, "parent", "metrics.jsonl")

    def losses(self, name):
        """step -> loss; a line that a kill cut off is none."""
        if not os.path.exists(self.metrics(name)):
            return {}
        with open(self.metrics(name), encoding="utf-8") as file:
            lines = [json.loads(line) for line in file.read().split("\n")[:-1]]
        return {line["step"]: line["loss"] for line in lines}

    def newest_place(self, name):
        """Step of the newest checkpoint, and where it stands in the corpus: {"file", "line", ...}."""
        names = sorted(n for n in os.listdir(self.path(name, "parent")) if n.startswith("step-") and n[5:].isdigit())
        with open(self.path(name, "parent", names[-1], "progress.json"), encoding="utf-8") as file:
            return int(names[-1][5:]), json.load(file)["progress"]["data_hint"]["corpora"]["c4"]


def checks(shards):
    """The tests on these shards, for regroup_cli.main."""
    from regroup_cli import expect, killed_after, run, start

    def a_killed_run_goes_on_in_the_middle_of_a_shard_within_seconds():
        arguments = shards.arguments("killed")
        killed_after(arguments, shards.metrics("killed"), shards.killed_at)
        step, place = shards.newest_place("killed")
        expect(place["line"] > 0 and place["index"] > 0, place)
        before, begin = shards.losses("killed"), time.time()
        process = start(*arguments)
        while process.poll() is None and max(shards.losses("killed")) != step + 1:
            time.sleep(0.02)
        seconds = time.time() - begin
        again = shards.losses("killed")
        print(f"        file {place['file']}, line {place['line']}: the next step after {seconds:.1f} s")
        process.send_signal(signal.SIGKILL)
        process.communicate()
        expect(seconds < MOST_SECONDS, f"{seconds:.1f} s until the next step")
        expect(again[step + 1] == before[step + 1], "the same step had another loss after the kill")

    def the_whole_run_takes_little_memory():
        code, _, err = run(*shards.arguments("whole"), timeout=2400)
        expect(code == 0 and len(shards.losses("whole")) == shards.steps, err)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        print(f"        peak memory {peak} MB")
        expect(peak < MOST_MEGABYTES, f"{peak} MB")

    def stops_with(name, pattern, *parts):
        code, out, err = run(*shards.arguments(name, pattern), timeout=2400)
        expect(code == 2 and out == "", f"exit {code}\n{err}")
        last = err.splitlines()[-1]
        expect(last.startswith("error: ") and all(part in last for part in parts), last)

    def a_truncated_shard_is_named_with_its_line():
        path, rows = shards.shards[1]
        with open(path, "rb") as whole, open(shards.path("cut.json.gz"), "wb") as cut:
            cut.write(whole.read(200_000))
        code, _, err = run("inspect", shards.path("cut.json.gz"))
        line = int(err.split("cut.json.gz:")[1].split(":")[0])
        expect(code == 2 and 0 < line < rows and "cut off" in err, err)
        stops_with("truncated", "cut.json.gz", f"cut.json.gz:{line}: ", "cut off")

    def a_corrupt_line_is_named():
        with gzip.open(shards.shards[2][0], "rt", encoding="utf-8") as whole:
            lines = [next(whole) for _ in range(600)]
        lines[499] = lines[499][:len(lines[499]) // 2] + "\n"
        with gzip.open(shards.path("corrupt.json.gz"), "wt", encoding="utf-8") as file:
            file.writelines(lines)
        code, out, _ = run("inspect", shards.path("corrupt.json.gz"))
        expect(code == 0 and "corrupt.json.gz:500: not valid JSON" in out, out)
        stops_with("corrupt", "corrupt.json.gz", "corrupt.json.gz:500: not valid JSON")

    return [a_killed_run_goes_on_in_the_middle_of_a_shard_within_seconds, the_whole_run_takes_little_memory,
            a_truncated_shard_is_named_with_its_line, a_corrupt_line_is_named]


if __name__ == "__main__":
    os.makedirs(sys.argv[1], exist_ok=True)
    for made, count in write_shards(sys.argv[1], int(float(sys.argv[2]) * 1e6)):
        print(f"{made}: {count} rows, {os.path.getsize(made) / 1e6:.1f} MB")
