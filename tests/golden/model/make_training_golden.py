"""Losses of ten training steps: transformers' T5 in fp32, T5X's Adafactor written out here.

Writes training.json beside itself. The model is v1.1 with sizes at which Adafactor factors most
matrices but not all; constant data and a constant rate, dropout 0, loss = sum over tokens / tokens.
Run with the environment of `scripts/setup --peers`: python tests/golden/model/make_training_golden.py
"""
import json
import os

import torch

import t5_reference as reference

CASE = {"name": "training", "vocab_size": 200, "d_model": 128, "d_kv": 32, "num_heads": 4, "d_ff": 160,
        "num_layers": 1, "num_decoder_layers": 1, "tied": False, "feed_forward": "gated-gelu",
        "buckets": 32, "max_distance": 128, "source_lengths": [30, 12, 21, 5],
        "target_lengths": [8, 11, 3, 14],
        "kv_heads": {"encoder_self": [4], "decoder_self": [4], "cross": [4]}}
RATE = 0.004
STEPS = 10


def rms(x):
    return x.pow(2).mean().sqrt()


class Adafactor:
    """t5x/adafactor.py for matrices and vectors: no momentum, no decay."""

    def __init__(self):
        self.step = 0
        self.slots = {}

    def update(self, name, p, g):
        beta2 = 1.0 - (self.step + 1.0) ** -0.8
        scale = RATE * max(rms(p).item(), 1e-3)
        squares = g * g + 1e-30
        if p.dim() == 2 and min(p.shape) >= 128:
            large = 1 if p.shape[1] >= p.shape[0] else 0
            small = 1 - large
            row, column = self.slots.get(name, (torch.zeros(p.shape[small]), torch.zeros(p.shape[large])))
            row = beta2 * row + (1 - beta2) * squares.mean(large)
            column = beta2 * column + (1 - beta2) * squares.mean(small)
            self.slots[name] = (row, column)
            y = g * (row / row.mean()).rsqrt().unsqueeze(large) * column.rsqrt().unsqueeze(small)
        else:
            v = beta2 * self.slots.get(name, torch.zeros_like(p)) + (1 - beta2) * squares
            self.slots[name] = v
            y = g * v.rsqrt()
        y = y / max(1.0, rms(y).item())
        p.sub_(scale * y)


torch.manual_seed(0)
model, _ = reference.build(CASE, torch.float32)
source, mask, labels = reference.batch(CASE)
tokens = int((labels != -100).sum())
optimizer = Adafactor()
losses = []
for _ in range(STEPS):
    model.zero_grad()
    logits = model(input_ids=source, attention_mask=mask,
                   decoder_input_ids=reference.shifted(labels)).logits
    loss = torch.nn.functional.cross_entropy(
        logits.reshape(-1, logits.shape[-1]), labels.reshape(-1), ignore_index=-100,
        reduction="sum") / tokens
    loss.backward()
    losses.append(loss.item())
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            optimizer.update(name, parameter, parameter.grad)
    optimizer.step += 1
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "training.json"), "w") as f:
    json.dump({"rate": RATE, "losses": losses}, f)
print(losses)
