"""Tiny T5 models of transformers with formula weights, shared by the makers of this folder.

transformers 5 forces tie_word_embeddings to true in every T5Config and keeps the old meaning only in
scale_decoder_outputs: an untied model is therefore untied by hand here.
"""
import math
import os
import sys

import torch
from transformers import T5Config, T5ForConditionalGeneration, UMT5Config, UMT5ForConditionalGeneration

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import formula  # noqa: E402

SITES = ("encoder_self", "decoder_self", "cross")


def site_of(name):
    if "EncDecAttention" in name:
        return "cross"
    return "encoder_self" if name.startswith("encoder") else "decoder_self"


def layer_of(name):
    return int(name.split(".")[2])


def is_kv(name):
    return name.endswith((".k.weight", ".v.weight"))


def law(name, case):
    """(scale, offset) of a weight: about the initializer's law, the bias table larger so that it counts."""
    d, e, h, f = case["d_model"], case["d_kv"], case["num_heads"], case["d_ff"]
    if "norm" in name:
        return 0.2, 1.0
    if "relative_attention_bias" in name:
        return 1.2, 0.0
    if name == "shared.weight":
        std = 1.0
    elif name == "lm_head.weight":
        std = 2.0 / math.sqrt(d)
    elif name.endswith(".q.weight"):
        std = 1.0 / math.sqrt(d * e)
    elif name.endswith(".o.weight"):
        std = 1.0 / math.sqrt(h * e)
    elif name.endswith(".wo.weight"):
        std = 1.0 / math.sqrt(f)
    else:
        std = 1.0 / math.sqrt(d)
    return std * math.sqrt(3.0), 0.0


def build(case, dtype):
    """(model, {name: grouped weight}); the model is the multi-head one with K/V heads repeated."""
    umt5 = case.get("family") == "umt5"
    config = (UMT5Config if umt5 else T5Config)(
        vocab_size=case["vocab_size"], d_model=case["d_model"], d_kv=case["d_kv"],
        d_ff=case["d_ff"], num_layers=case["num_layers"],
        num_decoder_layers=case["num_decoder_layers"], num_heads=case["num_heads"],
        relative_attention_num_buckets=case["buckets"],
        relative_attention_max_distance=case["max_distance"], dropout_rate=0.0,
        feed_forward_proj=case["feed_forward"], tie_word_embeddings=case["tied"],
        decoder_start_token_id=0, use_cache=False, attn_implementation="eager")
    model = (UMT5ForConditionalGeneration if umt5 else T5ForConditionalGeneration)(config)
    if not case["tied"]:
        model.lm_head.weight = torch.nn.Parameter(torch.empty_like(model.shared.weight))
    if umt5:  # transformers 5 would scale the decoder output of every umT5; T5X and transformers 4 do not
        model.config.tie_word_embeddings = case["tied"]
    else:
        assert model.config.scale_decoder_outputs == case["tied"]
    model = model.to(dtype).eval()
    grouped = {}
    for name, parameter in model.named_parameters():
        shape = list(parameter.shape)
        if is_kv(name):
            groups = case["kv_heads"][site_of(name)][layer_of(name)]
            shape[0] = groups * case["d_kv"]
        scale, offset = law(name, case)
        weight = torch.from_numpy(formula.tensor(f"{case['name']}/{name}", shape, scale, offset))
        grouped[name] = weight
        with torch.no_grad():
            parameter.copy_(expand(weight, case) if is_kv(name) else weight)
    assert ("lm_head.weight" in grouped) == (not case["tied"])
    return model, grouped


def expand(weight, case):
    """[g*e, d] -> [h*e, d]: contiguous query heads share a K/V head."""
    e = case["d_kv"]
    heads = weight.reshape(-1, e, weight.shape[1])
    return heads.repeat_interleave(case["num_heads"] // heads.shape[0], 0).reshape(-1, weight.shape[1])


def reduce_gradient(name, gradient, case):
    """Gradient of the grouped weight: the sum over the heads that share it."""
    if not is_kv(name):
        return gradient
    groups = case["kv_heads"][site_of(name)][layer_of(name)]
    e = case["d_kv"]
    return gradient.reshape(groups, -1, e, gradient.shape[1]).sum(1).reshape(groups * e, -1)


def batch(case):
    """(input ids, attention mask, labels with -100): rows of the case's lengths."""
    def padded(lengths, what, fill):
        rows = torch.full((len(lengths), max(lengths)), fill, dtype=torch.long)
        for i, n in enumerate(lengths):
            rows[i, :n] = torch.from_numpy(
                formula.ids(f"{case['name']}/{what}/{i}", n, 0, case["vocab_size"]))
        return rows
    source = padded(case["source_lengths"], "source", 0)
    mask = torch.arange(source.shape[1])[None, :] < torch.tensor(case["source_lengths"])[:, None]
    return source, mask.long(), padded(case["target_lengths"], "target", -100)


def shifted(labels):
    first = torch.zeros((labels.shape[0], 1), dtype=torch.long)
    return torch.cat([first, labels[:, :-1]], 1).masked_fill_(
        torch.cat([first, labels[:, :-1]], 1) == -100, 0)
