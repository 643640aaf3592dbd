"""report and watch on run folders made by hand: whole, broken and several; the page as a browser reads it."""

import csv
import fcntl
import html.parser
import io
import json
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import time

from regroup_cli import BINARY, expect, main, read, run, start, write_tiny

RECIPE = """
name: "tiny <b>"
stages:
  parent:
    pretrain: {steps: 40}
  gqa:
    convert: {from: parent, kv_heads: 2, method: mean}
  longer:
    uptrain: {from: parent, alpha: 0.05}
  gqa_up:
    uptrain: {from: gqa, alpha: 0.05}
  parent_titles:
    finetune: {from: parent, task: titles, steps: 30}
  gqa_titles:
    finetune: {from: gqa_up, task: titles, steps: 30}
  parent_scores:
    evaluate: {from: parent_titles, task: titles, split: test}
  gqa_scores:
    evaluate: {from: gqa_titles, task: titles, split: test}
  speed:
    bench: {from: [parent, gqa_up]}
  table:
    compare: {rows: [parent_scores, gqa_scores], bench: speed, recovery: [longer, gqa_up]}
"""

TABLES = ["examples", "missing", "paper_figure_5", "paper_table_1", "quality", "quality_against_time", "recovery",
          "skipped_windows", "speed", "stages", "training", "validations"]


def put(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())


def stage(folder, name, kind, config, result, inputs=None, seconds=1.5):
    record = {"kind": kind, "config": config, "inputs": inputs or {}, "result": result, "seconds": seconds}
    put(f"{folder}/{name}/stage.json", json.dumps(record))


def metrics(folder, name, steps, end, validations):
    lines = [{"stage": name, "step": s, "steps": steps, "time": 1e9 + s, "loss": end + 3 / s, "learning_rate": 0.01,
              "gradient_norm": 1 + 1 / s, "tokens_per_second": 1000, "data_wait_seconds": 0, "memory_bytes": 1e8}
             for s in range(1, steps + 1)]
    lines += [{"stage": name, "step": s, "time": 1e9 + s, "validation": values} for s, values in validations.items()]
    put(f"{folder}/{name}/metrics.jsonl", "".join(json.dumps(line) + "\n" for line in lines))


def evaluation(folder, name, source, value, outputs):
    result = {"metrics": {"rouge1": value, "rouge2": 1}, "interval": {"rouge1": [value - 2, value + 2]},
              "shuffled": {"rouge1": 5}, "shuffled_interval": {"rouge1": [4, 6]}, "loss": 2.5, "rows": len(outputs),
              "truncated_inputs": 0, "at_length_limit": 1, "empty_outputs": 0, "kv_bytes_per_position": 64,
              "predictions": "predictions.jsonl"}
    stage(folder, name, "evaluate", {"from": source, "task": "titles", "split": "test"}, result,
          {"task": {"metrics": ["rouge"]}})
    rows = [{"id": i, "input": f"summarize: <script>alert({i})</script> & more", "output": output,
             "references": [f"the reference {i}"]} for i, output in enumerate(outputs)]
    put(f"{folder}/{name}/predictions.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


def config_json(folder, name, heads):
    put(f"{folder}/{name}/model/config.json", json.dumps({"num_heads": 8, "num_key_value_heads": heads}))


def timing(ms, kv_bytes):
    return {"precision": "fp32", "batch": 4, "source": 16, "target": 8, "encoder_ms": 1, "ms_per_sample": ms,
            "step_ms": {"median": 2, "p10": 1, "p90": 3}, "tokens_per_second": 100, "kv_bytes": kv_bytes,
            "floor_step_ms": 0.5, "kv_bytes_per_position": 64, "peak_rss_bytes": 1e8}


def recovery(losses):
    return [{"alpha": a, "step": int(400 * a), "loss": loss} for a, loss in zip([0, 0.01, 0.05], losses)]


def make_run(folder, score=30.0):
    put(f"{folder}/recipe.yaml", RECIPE)
    put(f"{folder}/log.txt", "2026-01-31T10:00:00Z parent: pretrain\n2026-01-31T10:05:00Z table: done in 0.0 s\n")
    put(f"{folder}/environment.json", '{"device": "cpu", "threads": 2, "libtorch": "2.13.0"}')
    stage(folder, "parent", "pretrain", {"steps": 40}, {"model": "model", "steps": 40})
    metrics(folder, "parent", 40, 4, {20: {"heldout_loss": 5, "heldout_loss/c4": 6}, 40: {"heldout_loss": 4.5}})
    stage(folder, "gqa", "convert", {"from": "parent", "kv_heads": 2, "method": "mean"},
          {"model": "model", "parameters_before": 1000, "parameters_after": 800})
    for name, source, losses in [("longer", "parent", [4.5, 4.5, 4.4]), ("gqa_up", "gqa", [5.5, 4.9, 4.5])]:
        stage(folder, name, "uptrain", {"from": source, "alpha": 0.05},
              {"model": "model", "steps": 20, "recovery": recovery(losses)})
        metrics(folder, name, 20, losses[-1], {})
    for name, source in [("parent_titles", "parent"), ("gqa_titles", "gqa_up")]:
        stage(folder, name, "finetune", {"from": source, "task": "titles"},
              {"model": "model", "steps": 25, "best_step": 20, "stopped_early": True},
              {"task": {"metrics": ["rouge"]}})
        metrics(folder, name, 25, 2, {20: {"rouge1": score, "rouge2": 1, "loss": 2.5}})
    for name, heads in [("parent", 8), ("gqa", 2), ("longer", 8), ("gqa_up", 2)]:
        config_json(folder, name, heads)
    outputs = [f"the reference {i}" for i in range(20)]
    evaluation(folder, "parent_scores", "parent_titles", score, outputs)
    outputs[13] = "something else, and <script>alert('x')</script>"
    evaluation(folder, "gqa_scores", "gqa_titles", score - 1, outputs)
    stage(folder, "speed", "bench", {"from": ["parent", "gqa_up"]}, {"models": [timing(10, 8e6), timing(4, 2e6)]})
    stage(folder, "table", "compare", {"rows": ["parent_scores", "gqa_scores"], "bench": "speed",
                                       "recovery": ["longer", "gqa_up"]}, {"table": "table.txt"})
    return folder


class Page(html.parser.HTMLParser):
    """Tags that open and close in order, ids, text, and every address that the page names."""

    VOID = {"meta", "link", "br", "img", "hr", "input"}

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.addresses, self.text, self.problems = [], [], [], [], "", []
        self.feed(text)
        self.close()
        if self.open:
            self.problems.append(f"never closed: {self.open}")

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for key, value in attrs:
            if key == "id":
                self.ids.append(value)
            if key in ("href", "src", "srcset", "data", "action", "poster", "xlink:href", "style"):
                self.addresses.append(value)
            if key.startswith("on"):
                self.problems.append(f"a script in {tag} {key}")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text += data


def check_page(path):
    text = read(path)
    page = Page(text)
    expect(not page.problems, page.problems)
    expect("script" not in page.tags and "link" not in page.tags and "img" not in page.tags, set(page.tags))
    expect(all(a.startswith("#") and a[1:] in page.ids for a in page.addresses), page.addresses)
    expect(len(page.ids) == len(set(page.ids)), "an id stands twice")
    for way in ("http:", "https:", "url(", "@import", "NaN", ">nan<", ">inf<"):
        expect(way not in text, f"{way} in {path}")
    for part in ('lang="en"', 'name="viewport"', "prefers-color-scheme: dark", "<caption>", "<desc>"):
        expect(part in text, f"{part} is not in the page")
    return page


def the_check_of_pages_bites():
    with tempfile.TemporaryDirectory() as folder:
        make_run(f"{folder}/run")
        expect(run("report", f"{folder}/run")[0] == 0, "no report")
        page = f"{folder}/run/report.html"
        good = read(page)
        check_page(page)
        for damage in ("<p><b>never closed</p>", "<script>1</script>", '<img src="a.png">', '<a href="https://example.org">a</a>',
                       '<p onclick="f()">a</p>', '<p id="quality">twice</p>', '<a href="#nowhere">a</a>'):
            put(page, good.replace("</main>", damage + "</main>"))
            try:
                check_page(page)
            except AssertionError:
                continue
            raise AssertionError(f"{damage} is not found")


def check_tables(folder):
    expect(sorted(os.listdir(folder)) == sorted(f"{t}.{e}" for t in TABLES for e in ("csv", "json")), os.listdir(folder))
    found = {}
    for name in TABLES:
        table = json.loads(read(f"{folder}/{name}.json"))
        rows = list(csv.DictReader(io.StringIO(read(f"{folder}/{name}.csv"))))
        expect(len(rows) == len(table["rows"]), f"{name}: rows differ")
        for from_csv, from_json in zip(rows, table["rows"]):
            expect(list(from_csv) == list(from_json), f"{name}: columns differ")
            for key, value in from_json.items():
                same = from_csv[key] == value if isinstance(value, str) else \
                    from_csv[key] == ("" if value is None else json.dumps(value)) or \
                    float(from_csv[key]) == value
                expect(same, f"{name}.{key}: {from_csv[key]!r} is not {value!r}")
        found[name] = table["rows"]
    return found


def a_whole_run_has_everything():
    with tempfile.TemporaryDirectory() as folder:
        make_run(f"{folder}/run")
        code, stdout, stderr = run("report", f"{folder}/run")
        expect(code == 0 and f"{folder}/run/report.html" in stdout, stderr)
        page = check_page(f"{folder}/run/report.html")
        tables = check_tables(f"{folder}/run/report_tables")
        expect("Nothing: every stage is done" in page.text and not tables["missing"], tables["missing"])
        for part in ("tiny <b>", "all 10 stages done", "decodes a sample in 4.00 ms instead of 10.00 (2.50×)",
                     "K/V caches of 2.0 MB instead of 8.0 MB (1/4)", "scores 29.0 instead of 30.0",
                     "4.5000, 0.1000 above the parent trained as long: 90.0 % of what merging cost is won back",
                     "MHA-XXL", "Figure 5", "stopped early", "<script>alert(13)</script>",
                     "among the largest disagreements"):
            expect(part in page.text, f"{part} is not in the page")
        expect(page.tags.count("svg") >= 12, page.tags.count("svg"))
        expect([row["model"] for row in tables["quality"]] == ["MHA", "GQA-2"], tables["quality"])
        expect(tables["speed"][1]["speed_up"] == 2.5 and tables["speed"][1]["parameters"] == 800, tables["speed"])
        gap = [row["gap_closed"] for row in tables["recovery"]]
        expect(gap[:4] == [None, None, None, 0.0] and abs(gap[5] - 0.9) < 1e-9, gap)
        expect({row["name"] for row in tables["validations"]} >= {"heldout_loss/c4", "rouge1"}, tables["validations"])
        expect(len({row["row"] for row in tables["examples"]}) == 8, tables["examples"])
        expect(any(row["row"] == "13" and row["shared_words"] == 0 for row in tables["examples"]), "row 13 is not shown")


def again_it_replaces_its_own_files_and_nobody_elses():
    with tempfile.TemporaryDirectory() as folder:
        make_run(f"{folder}/run")
        page = f"{folder}/run/report.html"
        expect(run("report", f"{folder}/run")[0] == 0 and run("report", f"{folder}/run")[0] == 0, "not twice")
        put(page, "<html>mine</html>")
        code, _, stderr = run("report", f"{folder}/run")
        expect(code == 2 and page in stderr and "--overwrite" in stderr and read(page) == "<html>mine</html>", stderr)
        expect(run("report", f"{folder}/run", "--overwrite")[0] == 0 and "mine" not in read(page), "not overwritten")
        put(f"{folder}/a_tables/mine.csv", "1")
        code, _, stderr = run("report", f"{folder}/run", "--out", f"{folder}/a.html")
        expect(code == 2 and "a_tables" in stderr and not os.path.exists(f"{folder}/a.html"), stderr)
        expect(os.listdir(f"{folder}/a_tables") == ["mine.csv"], "something was written")


def what_is_no_run_is_refused():
    with tempfile.TemporaryDirectory() as folder:
        make_run(f"{folder}/run")
        os.mkdir(f"{folder}/empty")
        for command in ("report", "watch"):
            for path, part in [("empty", "is no run"), ("nothing", "there is no such folder"),
                               ("run/parent", "is one stage of a run"), ("run/recipe.yaml", "is a file")]:
                code, stdout, stderr = run(command, f"{folder}/{path}")
                expect(code == 2 and part in stderr and not stdout and len(stderr.splitlines()) == 1, stderr)
        expect(sorted(os.listdir(folder)) == ["empty", "run"], "something was written")


def broken_runs_are_reported_as_far_as_they_go():
    def no_results(folder):
        for name in ("table", "speed", "gqa_scores"):
            shutil.rmtree(f"{folder}/{name}")
        os.rename(f"{folder}/gqa_titles/stage.json", f"{folder}/gqa_titles/started.json")

    def garbage(folder):
        for name in os.listdir(folder):
            if os.path.isdir(f"{folder}/{name}"):
                for file in os.listdir(f"{folder}/{name}"):
                    if os.path.isfile(f"{folder}/{name}/{file}"):
                        put(f"{folder}/{name}/{file}", b"\xff\x00{garbage\n[1, 2]\n{}\n")

    def wrong_types(folder):
        for name in os.listdir(folder):
            path = f"{folder}/{name}/stage.json"
            if os.path.exists(path):
                record = json.loads(read(path))
                record["result"] = {key: [[{}]] for key in record["result"]}
                record["config"] = {key: {"x": None} for key in record["config"]}
                put(path, json.dumps(record))

    def truncated(folder):
        for name in ("parent/metrics.jsonl", "gqa_scores/predictions.jsonl", "speed/stage.json", "recipe.yaml", "log.txt"):
            with open(f"{folder}/{name}", "rb") as file:
                content = file.read()
            put(f"{folder}/{name}", content[:len(content) * 2 // 3])

    def invalid_text(folder):
        for name in ("parent_scores", "gqa_scores"):
            path = f"{folder}/{name}/predictions.jsonl"
            with open(path, "rb") as file:
                put(path, file.read().replace(b"the reference 13", b"the \xff\xfe reference \xc3"))

    def files_gone(folder):
        for name in ("recipe.yaml", "log.txt", "environment.json", "gqa_scores/predictions.jsonl", "parent/metrics.jsonl"):
            os.remove(f"{folder}/{name}")
        shutil.copytree(f"{folder}/parent", f"{folder}/parent.old-1")

    def only_a_recipe(folder):
        for name in os.listdir(folder):
            if name != "recipe.yaml":
                shutil.rmtree(f"{folder}/{name}") if os.path.isdir(f"{folder}/{name}") else os.remove(f"{folder}/{name}")

    for damage, parts in [(no_results, ["6 of 10 stages done", "gqa_titles", "speed, table", "No bench stage has finished"]),
                          (garbage, ["cannot be read", "No evaluation has finished"]),
                          (wrong_types, []),
                          (truncated, ["parent/metrics.jsonl", "speed/stage.json", "gqa_scores/predictions.jsonl"]),
                          (invalid_text, ["the \ufffd\ufffd reference"]),
                          (files_gone, ["recipe.yaml", "parent.old-1", "gqa_scores/predictions.jsonl"]),
                          (only_a_recipe, ["0 of 10 stages done"])]:
        with tempfile.TemporaryDirectory() as folder:
            make_run(f"{folder}/run")
            damage(f"{folder}/run")
            code, _, stderr = run("report", f"{folder}/run")
            expect(code == 0, f"{damage.__name__}: {stderr}")
            page = check_page(f"{folder}/run/report.html")
            check_tables(f"{folder}/run/report_tables")
            for part in parts:
                expect(part in page.text, f"{damage.__name__}: {part} is not in the page")
            code, stdout, stderr = run("watch", f"{folder}/run", "--once")
            expect(code == 0 and "stages done" in stdout, f"{damage.__name__}: {stderr}")


def several_runs_stand_side_by_side():
    with tempfile.TemporaryDirectory() as folder:
        runs = [make_run(f"{folder}/seed-{i}", 30 + i) for i in (1, 2, 3)]
        put(f"{runs[1]}/parent/ledger.jsonl", '{"step": 7, "reason": "loss <spike>", "loss": 99.5, "gradient_norm": 12, '
            '"position": 224, "ids": [1], "time": 1}\n{"torn')
        code, stdout, stderr = run("report", *runs, cwd=folder)
        expect(code == 0 and os.path.exists(f"{folder}/report.html"), stderr)
        page = check_page(f"{folder}/report.html")
        tables = check_tables(f"{folder}/report_tables")
        expect([row["run"] for row in tables["quality"]] == sorted(["seed-1", "seed-2", "seed-3"] * 2), tables["quality"])
        expect(tables["skipped_windows"] == [{"run": "seed-2", "stage": "parent", "step": 7, "reason": "loss <spike>",
                                              "loss": 99.5, "gradient_norm": 12.0, "position": 224}],
               tables["skipped_windows"])
        for part in ("seed-1: MHA", "seed-3: GQA-2", "Skipped windows", "loss <spike>", "seed-2: parent/ledger.jsonl"):
            expect(part in page.text, f"{part} is not in the page")


def json_prints_the_tables_and_writes_nothing():
    with tempfile.TemporaryDirectory() as folder:
        make_run(f"{folder}/run")
        before = sorted(os.listdir(f"{folder}/run"))
        code, stdout, stderr = run("report", f"{folder}/run", "--json")
        expect(code == 0 and sorted(os.listdir(f"{folder}/run")) == before, stderr)
        found = json.loads(stdout)
        expect(sorted(found["tables"]) == TABLES and found["runs"] == [f"{folder}/run"], list(found["tables"]))
        run("report", f"{folder}/run")
        expect(found["tables"] == check_tables(f"{folder}/run/report_tables"), "stdout and the files differ")


def watch_shows_a_living_run_once():
    with tempfile.TemporaryDirectory() as folder:
        make_run(f"{folder}/run")
        for name in ("gqa_titles", "gqa_scores", "speed", "table"):
            if name == "gqa_titles":
                os.rename(f"{folder}/run/{name}/stage.json", f"{folder}/run/{name}/started.json")
            else:
                shutil.rmtree(f"{folder}/run/{name}")
        before = {name: os.stat(f"{folder}/run/{name}").st_mtime_ns for name in os.listdir(f"{folder}/run")}
        with open(f"{folder}/run/.lock", "w", encoding="utf-8") as lock:
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            fcntl.flock(lock, fcntl.LOCK_EX)
            code, stdout, stderr = run("watch", f"{folder}/run", "--once")
        expect(code == 0, stderr)
        for part in (f"running: process {os.getpid()}", "6 of 10 stages done", "▶ running  gqa_titles (finetune)",
                     "100 %  step 25/25", "rouge1", "training loss", "table: done in 0.0 s", "· waiting  table"):
            expect(part in stdout, f"{part} is not in\n{stdout}")
        expect("\033" not in stdout and any("\u2801" <= c <= "\u28ff" for c in stdout), "no curve, or escapes")
        del before["gqa_titles"]
        expect(all(os.stat(f"{folder}/run/{name}").st_mtime_ns == at for name, at in before.items()), "it wrote something")


def read_until(terminal, part, seconds=20):
    seen, end = b"", time.time() + seconds
    while part not in seen and time.time() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                seen += os.read(terminal, 65536)
            except OSError:  # the other side is closed
                break
    return seen


def watch_gives_the_terminal_back():
    with tempfile.TemporaryDirectory() as folder:
        make_run(f"{folder}/run")
        terminal, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 60, 0, 0))
        before = termios.tcgetattr(side)
        process = subprocess.Popen([BINARY, "watch", f"{folder}/run", "--interval", "60"], stdin=side, stdout=side, stderr=side)
        seen = read_until(terminal, b"\033[J")
        expect(b"\033[?1049h" in seen and b"stages done" in seen, seen)
        frame = seen.split(b"\033[H")[1].decode().split("\033[J")[0].split("\r\n")
        expect(len(frame) <= 20 and all(len(line.replace("\033[K", "")) <= 60 for line in frame), frame)
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
        wider = read_until(terminal, b"\033[J").decode().split("\r\n")
        expect(len(wider) > 20, f"a larger window is not used: {wider}")
        process.send_signal(signal.SIGINT)
        seen = read_until(terminal, b"\033[?1049l")
        expect(b"\033[?25h\033[?1049l" in seen, seen)
        expect(process.wait(timeout=20) == 128 + signal.SIGINT, process.returncode)
        expect(termios.tcgetattr(side) == before, "the terminal's settings differ")
        os.close(side)
        os.close(terminal)


def a_real_run_is_watched_while_it_goes_and_ends_with_its_report():
    with tempfile.TemporaryDirectory() as folder:
        recipe = write_tiny(folder)
        process = start("run", recipe, "--out", f"{folder}/run", cwd=folder)
        metrics_file, shown = f"{folder}/run/parent/metrics.jsonl", ""
        while process.poll() is None and "running: process" not in shown:
            if os.path.exists(metrics_file):
                shown = run("watch", f"{folder}/run", "--once")[1]
        expect(f"running: process {process.pid}" in shown and "▶ running" in shown, shown)
        _, stderr = process.communicate(timeout=300)
        expect(process.returncode == 0 and "report: " in stderr, stderr[-3000:])
        page = check_page(f"{folder}/run/report.html")
        tables = check_tables(f"{folder}/run/report_tables")
        expect("Nothing: every stage is done" in page.text, tables["missing"])
        expect(tables["quality"][0]["model"] == "GQA-2" and tables["quality"][0]["task"] == "copy", tables["quality"])
        expect(len(tables["recovery"]) == 4 and len(tables["speed"]) == 3, tables["recovery"])
        expect(all(row["source"].startswith("copy: ") for row in tables["examples"]), tables["examples"][:1])
        put(f"{folder}/run/report.html", "mine")
        code, _, stderr = run("run", recipe, "--out", f"{folder}/run", cwd=folder)
        expect(code == 0 and "warning: no report" in stderr and read(f"{folder}/run/report.html") == "mine", stderr[-2000:])


if __name__ == "__main__":
    main([the_check_of_pages_bites, a_whole_run_has_everything, again_it_replaces_its_own_files_and_nobody_elses, what_is_no_run_is_refused,
          broken_runs_are_reported_as_far_as_they_go, several_runs_stand_side_by_side,
          json_prints_the_tables_and_writes_nothing, watch_shows_a_living_run_once, watch_gives_the_terminal_back,
          a_real_run_is_watched_while_it_goes_and_ends_with_its_report])
