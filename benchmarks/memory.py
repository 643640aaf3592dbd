#!/usr/bin/env python3
"""Peak memory of training as `plan` predicts it and as a run of two steps has it, for shapes of published checkpoints
with constant weights. Prints the table of docs/memory.md.

benchmarks/memory.py [--binary build/release/bin/regroup] [--scratch DIR] [CASE...]
"""

import argparse
import array
import json
import os
import resource
import struct
import subprocess
import sys
import tempfile

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHAPES = {  # d_model, d_ff, layers, heads
    "nano": (128, 256, 4, 8), "small": (512, 1024, 8, 6), "base": (768, 2048, 12, 12), "large": (1024, 2816, 24, 16)}
# name: shape, precision, examples, micro_batch, source, dropout, K/V heads, optimizer, vocabulary
CASES = {
    "nano-32x128": ("nano", "fp32", 32, 32, 128, 0.0, 8, "adafactor", 4096),
    "nano-bf16-16x512": ("nano", "bf16", 16, 16, 512, 0.1, 2, "adafactor", 4096),
    "small-8x512": ("small", "fp32", 8, 8, 512, 0.0, 6, "adafactor", 32128),
    "small-gqa-8x512-dropout": ("small", "fp32", 8, 8, 512, 0.1, 3, "adafactor", 32128),
    "small-8x512-parts-of-2": ("small", "fp32", 8, 2, 512, 0.0, 6, "adafactor", 32128),
    "small-bf16-8x512": ("small", "bf16", 8, 8, 512, 0.0, 6, "adafactor", 32128),
    "small-adamw-2x1024": ("small", "fp32", 2, 2, 1024, 0.1, 1, "adamw", 32128),
    "base-2x512": ("base", "fp32", 2, 2, 512, 0.0, 12, "adafactor", 32128),
    "base-bf16-mqa-4x512-parts-of-1": ("base", "bf16", 4, 1, 512, 0.1, 1, "adafactor", 32128),
    "base-4x256-dropout": ("base", "fp32", 4, 4, 256, 0.1, 12, "adafactor", 32128),
    "small-2x1536": ("small", "fp32", 2, 2, 1536, 0.0, 3, "adafactor", 32128),
    "base-8x128": ("base", "fp32", 8, 8, 128, 0.0, 6, "adafactor", 32128),
    "large-1x512": ("large", "fp32", 1, 1, 512, 0.0, 16, "adafactor", 32128),
    "base-gqa-bf16-2x1024-dropout": ("base", "bf16", 2, 2, 1024, 0.1, 4, "adafactor", 32128),
    "small-mqa-adamw-16x128-parts-of-8": ("small", "fp32", 16, 8, 128, 0.0, 1, "adamw", 32128),
}


def layer_tensors(prefix, d, inner, ff, cross):
    sites = [("0.SelfAttention", "0")] + ([("1.EncDecAttention", "1")] if cross else [])
    last = len(sites)
    for site, number in sites:
        for name in "qkv":
            yield f"{prefix}.layer.{site}.{name}.weight", (inner, d)
        yield f"{prefix}.layer.{site}.o.weight", (d, inner)
        yield f"{prefix}.layer.{number}.layer_norm.weight", (d,)
    for name in ("wi_0", "wi_1"):
        yield f"{prefix}.layer.{last}.DenseReluDense.{name}.weight", (ff, d)
    yield f"{prefix}.layer.{last}.DenseReluDense.wo.weight", (d, ff)
    yield f"{prefix}.layer.{last}.layer_norm.weight", (d,)


def tensors(shape, vocabulary, d_kv):
    d, ff, layers, heads = SHAPES[shape]
    yield "shared.weight", (vocabulary, d)
    yield "lm_head.weight", (vocabulary, d)
    for stack in ("encoder", "decoder"):
        yield f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight", (32, heads)
        yield f"{stack}.final_layer_norm.weight", (d,)
        for layer in range(layers):
            yield from layer_tensors(f"{stack}.block.{layer}", d, heads * d_kv, ff, stack == "decoder")


def write_checkpoint(folder, shape, vocabulary, d_kv):
    d, ff, layers, heads = SHAPES[shape]
    os.makedirs(folder)
    config = {"model_type": "t5", "d_model": d, "d_ff": ff, "d_kv": d_kv, "num_heads": heads, "num_layers": layers,
              "num_decoder_layers": layers, "vocab_size": vocabulary, "feed_forward_proj": "gated-gelu",
              "tie_word_embeddings": False, "dropout_rate": 0.1}
    with open(f"{folder}/config.json", "w", encoding="utf-8") as file:
        json.dump(config, file)
    os.symlink(f"{REPO}/tests/golden/text/spiece.model", f"{folder}/spiece.model")
    header, offset = {}, 0
    for name, sizes in tensors(shape, vocabulary, d_kv):
        bytes_ = 4 * sizes[0] * (sizes[1] if len(sizes) > 1 else 1)
        header[name] = {"dtype": "F32", "shape": sizes, "data_offsets": [offset, offset + bytes_]}
        offset += bytes_
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # tensors that are not aligned would be copied when they are read
    block = array.array("f", [0.01]) * (1 << 18)
    with open(f"{folder}/model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        while offset > 0:
            file.write(block.tobytes()[:offset])
            offset -= len(block) * 4


def recipe(case):
    shape, precision, examples, micro, source, dropout, kv_heads, optimizer, vocabulary = CASES[case]
    rate = 0.001 if optimizer == "adafactor" else 0.0001
    return json.dumps({
        "name": "memory", "device": "cpu", "precision": precision,
        "corpora": {"prose": {"files": [f"{REPO}/data/sample/prose.jsonl.gz"]}},
        "stages": {
            "grouped": {"convert": {"from": f"./{shape}-{vocabulary}/", "kv_heads": kv_heads}},
            "up": {"uptrain": {"from": "grouped", "alpha": 0.05, "original_steps": 40, "data": {"source_length": source},
                               "batch": {"examples": examples, "micro_batch": micro}, "dropout_rate": dropout,
                               "optimizer": {"name": optimizer, "learning_rate": rate}, "z_loss": 0.0001}}}})


def measure(binary, folder, case):
    """(predicted, measured) bytes of the uptraining; the conversion runs before, in a process of its own."""
    shape, vocabulary = CASES[case][0], CASES[case][8]
    checkpoint = f"{folder}/{shape}-{vocabulary}"
    if not os.path.exists(checkpoint):
        write_checkpoint(checkpoint, shape, vocabulary, d_kv=16 if shape == "nano" else 64)
    with open(f"{folder}/{case}.yaml", "w", encoding="utf-8") as file:
        file.write(recipe(case))
    plan = json.loads(subprocess.run([binary, "plan", f"{folder}/{case}.yaml", "--json"], check=True,
                                     capture_output=True, text=True).stdout)
    predicted = {row["name"]: row["peak_memory_bytes"] for row in plan["stages"]}["up"]
    command = [binary, "run", f"{folder}/{case}.yaml", "--out", f"{folder}/run-{case}", "--quiet", "--threads", "2"]
    subprocess.run([*command, "--only", "grouped"], check=True)
    process = subprocess.Popen([*command, "--only", "up"])
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{case}: the run ended with {status}")
    subprocess.run(["rm", "-r", f"{folder}/run-{case}"], check=True)
    return predicted, usage.ru_maxrss * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default=f"{REPO}/build/release/bin/regroup")
    parser.add_argument("--scratch")
    parser.add_argument("cases", nargs="*", default=list(CASES))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        print("| case | predicted | measured | predicted / measured |\n|---|---|---|---|")
        for case in options.cases:
            predicted, measured = measure(options.binary, folder, case)
            print(f"| {case} | {predicted / 1e9:.2f} GB | {measured / 1e9:.2f} GB | {predicted / measured:.2f} |", flush=True)


if __name__ == "__main__":
    main()
