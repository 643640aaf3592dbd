#!/usr/bin/env python3
"""Exports checked against stock transformers: the expanded folder gives the losses that `regroup score` gives for the
grouped one, and models that transformers wrote are scored as transformers scores them.

Needs the pinned Python environment (scripts/setup --peers); exit code 77 (skipped) without it.
"""
import glob
import json
import os
import subprocess
import sys
import tempfile

BINARY = os.environ.get("REGROUP_BINARY", "")
TOLERANCE = 1e-5


def peers_python():
    """REGROUP_PEERS_PYTHON, else the newest environment that scripts/setup --peers made."""
    named = os.environ.get("REGROUP_PEERS_PYTHON")
    if named:
        return named
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "regroup")
    made = [os.path.dirname(ready) for ready in glob.glob(os.path.join(cache, "peers-*", "ready"))]
    return os.path.join(max(made, key=os.path.getmtime), "bin", "python") if made else None


def enter_peers_environment():
    if os.environ.get("REGROUP_IN_PEERS") == "1":
        return
    python = peers_python()
    if not python or not os.path.exists(python) or not os.path.exists(BINARY):
        print("skipped: no Python environment (scripts/setup --peers) or no binary")
        sys.exit(77)
    os.environ["REGROUP_IN_PEERS"] = "1"
    os.execv(python, [python] + sys.argv)


def regroup(*arguments):
    done = subprocess.run([BINARY, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"regroup {' '.join(arguments)}: exit {done.returncode}\n{done.stderr}"
    return done.stdout


def make_parent(folder, tied):
    import torch
    from transformers import T5Config, T5ForConditionalGeneration
    torch.manual_seed(5)
    config = T5Config(vocab_size=96, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_decoder_layers=3, num_heads=8,
                      feed_forward_proj="relu" if tied else "gated-gelu", tie_word_embeddings=tied,
                      decoder_start_token_id=0, dropout_rate=0.0)
    model = T5ForConditionalGeneration(config)
    with torch.no_grad():
        model.shared.weight.mul_(0.5)
        if not tied:  # transformers 5 builds every T5 tied: give the head a tensor of its own
            model.lm_head.weight = torch.nn.Parameter(torch.randn(96, 32) * 0.3)
    model.save_pretrained(folder)


def make_rows(path):
    import random
    draw = random.Random(11)
    rows = []
    for source, target in [(1, 1), (7, 3), (40, 12), (150, 20), (5, 30)]:
        rows.append({"input_ids": [draw.randrange(1, 96) for _ in range(source)],
                     "target_ids": [draw.randrange(1, 96) for _ in range(target)]})
    with open(path, "w") as out:
        out.writelines(json.dumps(row) + "\n" for row in rows)
    return rows


def transformers_losses(folder, rows):
    import torch
    from transformers import T5ForConditionalGeneration
    model = T5ForConditionalGeneration.from_pretrained(folder).eval()
    losses = []
    with torch.no_grad():
        for row in rows:
            out = model(input_ids=torch.tensor([row["input_ids"]]), labels=torch.tensor([row["target_ids"]]))
            log_p = torch.log_softmax(out.logits[0].double(), -1)
            losses.append(-log_p[range(len(row["target_ids"])), row["target_ids"]].sum().item())
    return losses


def regroup_losses(folder, data):
    lines = regroup("score", "--model", folder, "--data", data, "--per-row", "--json").splitlines()
    return [json.loads(line)["loss_sum"] for line in lines]


def worst(ours, theirs):
    assert len(ours) == len(theirs) > 0
    return max(abs(a - b) / max(abs(b), 1e-6) for a, b in zip(ours, theirs))


def check(name, tied, folder):
    data = os.path.join(folder, "rows.jsonl")
    rows = make_rows(data)
    paths = {key: os.path.join(folder, key) for key in ("parent", "grouped", "expanded", "again")}
    make_parent(paths["parent"], tied)
    parent = worst(regroup_losses(paths["parent"], data), transformers_losses(paths["parent"], rows))
    regroup("convert", "--from", paths["parent"], "--to", paths["grouped"], "--kv-heads", "decoder_self=2,cross=1")
    regroup("export", "--from", paths["grouped"], "--to", paths["expanded"], "--expand-kv")
    grouped = regroup_losses(paths["grouped"], data)
    expanded_by_peers = transformers_losses(paths["expanded"], rows)
    exported = worst(grouped, expanded_by_peers)
    # The folder that transformers writes back is read as the same model (its flags differ from ours).
    from transformers import T5ForConditionalGeneration
    T5ForConditionalGeneration.from_pretrained(paths["expanded"]).save_pretrained(paths["again"])
    again = worst(regroup_losses(paths["again"], data), expanded_by_peers)
    # The control: the parent is another function than its grouped child.
    control = worst(regroup_losses(paths["parent"], data), expanded_by_peers)
    print(f"{name}: parent {parent:.1e}, expanded {exported:.1e}, saved again {again:.1e}, control {control:.1e}")
    assert max(parent, exported, again) <= TOLERANCE
    assert control > 1e-3


def main():
    enter_peers_environment()
    for name, tied in (("T5 1.0", True), ("T5 1.1", False)):
        with tempfile.TemporaryDirectory() as folder:
            check(name, tied, folder)


if __name__ == "__main__":
    main()
