"""Ten optimizer steps on ten recorded batches: transformers' T5 in fp64, T5X's Adafactor written out.

The loss of a step is the sum over all target tokens of the whole batch (cross-entropy + z-loss),
divided by their number; the norm of its gradient is clipped; the rate is T5X's rsqrt schedule. The
model is v1.1 with sizes at which Adafactor factors most matrices but not all. Writes training.json
beside itself: the batches, loss, gradient norm and rate of every step, and about 40 values of every
tensor after the last one. The curve under "losses_of_part_means" belongs to a loop that is wrong on
purpose: it reports the same loss, but its gradient is the average of the micro-batches' mean losses.
Run with the environment of `scripts/setup --peers`: python tests/golden/train/make_training_golden.py
"""
import json
import os
import random
import sys

import torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "model"))
import t5_reference as reference  # noqa: E402

CASE = {"name": "training", "vocab_size": 200, "d_model": 128, "d_kv": 32, "num_heads": 4, "d_ff": 160,
        "num_layers": 1, "num_decoder_layers": 1, "tied": False, "feed_forward": "gated-gelu",
        "buckets": 32, "max_distance": 128,
        "kv_heads": {"encoder_self": [4], "decoder_self": [4], "cross": [4]}}
STEPS, EXAMPLES, MICRO_BATCH = 10, 6, 2
RATE, WARMUP = 0.02, 4  # 0.01 in steps 0 to 4, then falling
CLIP, Z_LOSS = 12.0, 0.01
SAMPLES = 40


def draw_batches():
    """Ten batches of [source, target]: short and long targets side by side, so that tokens and rows weigh differently."""
    draw = random.Random(17)

    def ids(shortest, longest):
        row = [draw.randrange(2, CASE["vocab_size"]) for _ in range(draw.randint(shortest, longest) - 1)]
        return row + [1]
    return [[[ids(3, 30), ids(1, 3) if draw.random() < 0.5 else ids(6, 14)] for _ in range(EXAMPLES)]
            for _ in range(STEPS)]


def padded(rows, fill):
    width = max(map(len, rows))
    return torch.tensor([row + [fill] * (width - len(row)) for row in rows])


def loss_sum(model, examples):
    """(sum over real target tokens of cross-entropy + z-loss, their number)."""
    source = padded([e[0] for e in examples], 0)
    mask = padded([[1] * len(e[0]) for e in examples], 0)
    labels = padded([e[1] for e in examples], -100)
    logits = model(input_ids=source, attention_mask=mask, decoder_input_ids=reference.shifted(labels)).logits
    real = labels != -100
    log_z = torch.logsumexp(logits, -1)
    picked = logits.gather(-1, labels.clamp_min(0)[..., None])[..., 0]
    token_losses = log_z - picked + Z_LOSS * log_z.square()
    return token_losses[real].sum(), int(real.sum())


def rms(x):
    return x.pow(2).mean().sqrt()


class Adafactor:
    """t5x/adafactor.py for matrices and vectors: no momentum, no decay."""

    def __init__(self):
        self.step = 0
        self.slots = {}

    def update(self, name, p, g, rate):
        beta2 = 1.0 - (self.step + 1.0) ** -0.8
        scale = rate * max(rms(p).item(), 1e-3)
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


def backward(model, batch, average_means):
    """Fills the gradients and returns (loss per token of the whole batch, tokens)."""
    if not average_means:
        total, tokens = loss_sum(model, batch)
        (total / tokens).backward()
        return total.item() / tokens, tokens
    total, tokens, parts = 0.0, 0, len(batch) // MICRO_BATCH
    for i in range(parts):
        part, part_tokens = loss_sum(model, batch[i * MICRO_BATCH:(i + 1) * MICRO_BATCH])
        (part / part_tokens / parts).backward()
        total, tokens = total + part.item(), tokens + part_tokens
    return total / tokens, tokens


def sample(tensors):
    """About SAMPLES values of every tensor at equal distances."""
    return {name: [float(f"{v:.9g}") for v in flat[::max(1, flat.numel() // SAMPLES)].tolist()]
            for name, flat in ((n, t.detach().flatten()) for n, t in tensors)}


def train(batches, average_means=False):
    torch.manual_seed(0)
    model, _ = reference.build(CASE, torch.float64)
    optimizer = Adafactor()
    steps = []
    for s, batch in enumerate(batches):
        model.zero_grad()
        loss, tokens = backward(model, batch, average_means)
        norm = torch.sqrt(sum(p.grad.pow(2).sum() for p in model.parameters())).item()
        rate = RATE / max(s, WARMUP) ** 0.5
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                optimizer.update(name, parameter, parameter.grad * min(1.0, CLIP / norm), rate)
        optimizer.step = s + 1
        steps.append({"loss": loss, "tokens": tokens, "gradient_norm": norm, "rate": rate})
    return steps, sample(model.named_parameters())


torch.set_default_dtype(torch.float64)
BATCHES = draw_batches()
right, weights = train(BATCHES)
wrong, _ = train(BATCHES, average_means=True)
clipped = sum(step["gradient_norm"] > CLIP for step in right)
assert 2 < clipped < STEPS - 2, "clipping must act at some steps and not at others"
golden = {"micro_batch": MICRO_BATCH, "rate": RATE, "warmup": WARMUP, "clip": CLIP, "z_loss": Z_LOSS,
          "samples": SAMPLES, "steps": right, "losses_of_part_means": [step["loss"] for step in wrong],
          "batches": BATCHES, "weights": weights}
path = os.path.join(HERE, "training.json")
with open(path, "w") as f:
    json.dump(golden, f, separators=(",", ":"))
for step, other in zip(right, wrong):
    print(step, "wrong loop:", other["loss"])
print(clipped, "steps clipped,", os.path.getsize(path), "bytes")
