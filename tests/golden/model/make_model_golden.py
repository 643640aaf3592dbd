"""Logits, row losses and gradients of tiny T5 models by transformers in fp64.

Writes v10.safetensors, v11.safetensors, grouped.safetensors, umt5.safetensors and buckets.json beside itself.
Run with the environment of `scripts/setup --peers`: python tests/golden/model/make_model_golden.py
"""
import json
import os

import torch
from safetensors.torch import save_file
from transformers.models.t5.modeling_t5 import T5Attention

import t5_reference as reference

HERE = os.path.dirname(os.path.abspath(__file__))


def multi_head(case):
    h = case["num_heads"]
    return {"encoder_self": [h] * case["num_layers"],
            "decoder_self": [h] * case["num_decoder_layers"],
            "cross": [h] * case["num_decoder_layers"]}


BASE = {"vocab_size": 60, "d_model": 32, "d_kv": 6, "num_heads": 4}
V10 = BASE | {"name": "v10", "d_ff": 28, "num_layers": 1, "num_decoder_layers": 2, "tied": True,
              "feed_forward": "relu", "buckets": 32, "max_distance": 128, "z_loss": 0.0,
              "source_lengths": [211, 3, 37, 1], "target_lengths": [5, 40, 1, 19]}
V11 = BASE | {"name": "v11", "d_ff": 24, "num_layers": 2, "num_decoder_layers": 1, "tied": False,
              "feed_forward": "gated-gelu", "buckets": 8, "max_distance": 20, "z_loss": 0.01,
              "source_lengths": [9, 150, 64], "target_lengths": [33, 2, 12]}
GROUPED = BASE | {"name": "grouped", "d_ff": 24, "num_layers": 2, "num_decoder_layers": 2,
                  "tied": False, "feed_forward": "gated-gelu", "buckets": 8, "max_distance": 20,
                  "z_loss": 0.0, "source_lengths": [40, 7, 21], "target_lengths": [6, 25, 11],
                  "kv_heads": {"encoder_self": [2, 4], "decoder_self": [1, 2], "cross": [2, 1]}}
UMT5 = BASE | {"name": "umt5", "family": "umt5", "d_ff": 20, "num_layers": 3, "num_decoder_layers": 2,
               "tied": False, "feed_forward": "gated-gelu", "buckets": 8, "max_distance": 20,
               "z_loss": 0.0, "source_lengths": [30, 4, 17], "target_lengths": [5, 19, 8],
               "kv_heads": {"encoder_self": [4, 4, 4], "decoder_self": [2, 1], "cross": [1, 2]}}
V10["kv_heads"] = multi_head(V10)
V11["kv_heads"] = multi_head(V11)


def make(case, gradients_of):
    model, _ = reference.build(case, torch.float64)
    source, mask, labels = reference.batch(case)
    logits = model(input_ids=source, attention_mask=mask,
                   decoder_input_ids=reference.shifted(labels)).logits
    real = labels != -100
    log_z = torch.logsumexp(logits, -1)
    picked = logits.gather(-1, labels.clamp_min(0)[..., None])[..., 0]
    losses = torch.where(real, log_z - picked, 0.0)
    total = losses.sum() + case["z_loss"] * torch.where(real, log_z ** 2, 0.0).sum()
    total.backward()
    out = {"logits": logits[real].detach().to(torch.float32), "row_losses": losses.sum(1).detach(),
           "loss_sum": total.detach().reshape(1)}
    for name, parameter in model.named_parameters():
        if gradients_of(name):
            gradient = reference.reduce_gradient(name, parameter.grad, case)
            out["grad/" + name] = gradient.to(torch.float32).contiguous()
    path = os.path.join(HERE, case["name"] + ".safetensors")
    save_file(out, path)
    os.chmod(path, 0o644)
    print(case["name"], f"{os.path.getsize(path) / 1000:.0f} KB", "row losses", out["row_losses"].tolist())


def make_buckets():
    """Bucket by distance -400..400 for both directions and two table shapes."""
    distances = torch.arange(-400, 401)
    rows = []
    for bidirectional in (True, False):
        for buckets, reach in ((32, 128), (8, 20)):
            row = T5Attention._relative_position_bucket(distances, bidirectional, buckets, reach)
            rows.append({"bidirectional": bidirectional, "buckets": buckets, "max_distance": reach,
                         "of_distance": row.tolist()})
    with open(os.path.join(HERE, "buckets.json"), "w") as f:
        json.dump(rows, f, separators=(",", ":"))


torch.manual_seed(0)
make(V10, lambda name: True)
make(V11, lambda name: True)
make(GROUPED, lambda name: "Attention" in name)
make(UMT5, lambda name: "relative_attention_bias" in name or name.endswith("k.weight"))
make_buckets()
