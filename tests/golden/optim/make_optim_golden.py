"""Ten steps of T5X's Adafactor and of AdamW on recorded gradients, written out in numpy fp64; learning
rates by transformers' own schedules.

Weights and gradients come from ../formula.py. Writes optim.json beside itself: of every tensor the
values at about 60 places after 1 and 10 steps, and the small slots.
Run with the environment of `scripts/setup --peers`: python tests/golden/optim/make_optim_golden.py
"""
import json
import os
import sys

import numpy as np
import torch
from transformers import optimization

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import formula  # noqa: E402

TENSORS = {
    "factored_wide": (130, 200),   # largest axis last
    "factored_tall": (200, 130),   # largest axis first
    "square": (128, 128),
    "bias_table": (32, 8),         # never factored
    "mqa_kv": (64, 256),           # 64 < 128: not factored
    "norm": (160,),
    "small_scale": (6, 5),         # RMS below the least parameter scale
}
STEPS = 10
SAMPLES = 60


def weight(name):
    if name == "norm":
        return formula.tensor(f"optim/{name}", TENSORS[name], 0.2, 1.0).astype(np.float64)
    scale = 1e-4 if name == "small_scale" else 0.1
    return formula.tensor(f"optim/{name}", TENSORS[name], scale).astype(np.float64)


def gradient(name, step):
    """Sizes differ by row, by column and by step, so that factors and clipping have work."""
    shape = TENSORS[name]
    g = formula.tensor(f"optim/{name}/g{step}", shape, 1.0).astype(np.float64)
    rows = formula.tensor(f"optim/{name}/rows", shape[:1], 0.9, 1.0).astype(np.float64)
    g = (g * rows.reshape([-1] + [1] * (len(shape) - 1))).astype(np.float32)
    return (g * np.float32(10.0 if step == 4 else 0.01 * (step + 1))).astype(np.float64)


def rms(x):
    return float(np.sqrt(np.mean(np.square(x))))


def adafactor(name, steps, weight_decay=0.0, rate=0.03):
    p = weight(name)
    slots = {}
    for s in range(steps):
        g = gradient(name, s)
        beta2 = 1.0 - (s + 1.0) ** -0.8
        scale = rate * max(rms(p), 1e-3)
        g2 = g * g + 1e-30
        order = np.argsort(p.shape, kind="stable")
        if p.ndim >= 2 and p.shape[order[-2]] >= 128:
            a, b = int(order[-1]), int(order[-2])
            vr = beta2 * slots.get("vr", 0.0) + (1 - beta2) * g2.mean(a)
            vc = beta2 * slots.get("vc", 0.0) + (1 - beta2) * g2.mean(b)
            slots = {"vr": vr, "vc": vc}
            y = g * np.expand_dims((vr / vr.mean()) ** -0.5, a) * np.expand_dims(vc ** -0.5, b)
        else:
            v = beta2 * slots.get("v", 0.0) + (1 - beta2) * g2
            slots = {"v": v}
            y = g * v ** -0.5
        y = y / max(1.0, rms(y) / 1.0)
        p = p - scale * y - weight_decay * p
    return p, slots


def adamw(name, steps, scaled, weight_decay, rate=0.01):
    beta1, beta2, epsilon = 0.9, 0.999, 1e-8
    p = weight(name)
    m, v = np.zeros_like(p), np.zeros_like(p)
    for t in range(1, steps + 1):
        g = gradient(name, t - 1)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        step = (m / (1 - beta1 ** t)) / (np.sqrt(v / (1 - beta2 ** t)) + epsilon)
        step = step * (max(rms(p), 1e-3) if scaled else 1.0)
        p = p * (1 - rate * weight_decay) - rate * step
    return p, {"m": m, "v": v}


def check_adamw_against_torch():
    """The formula above, unscaled, is PyTorch's AdamW."""
    p = torch.nn.Parameter(torch.from_numpy(weight("square")))
    optimizer = torch.optim.AdamW([p], lr=0.01, weight_decay=0.1)
    for s in range(STEPS):
        p.grad = torch.from_numpy(gradient("square", s))
        optimizer.step()
    ours = adamw("square", STEPS, scaled=False, weight_decay=0.1)[0]
    assert np.abs(p.detach().numpy() - ours).max() < 1e-12


def sample(x):
    """About SAMPLES values at equal distances, enough digits for fp32."""
    flat = np.asarray(x).reshape(-1)
    return [float(f"{v:.9g}") for v in flat[:: max(1, flat.size // SAMPLES)]]


def record(run):
    out = {}
    for name in TENSORS:
        first, _ = run(name, 1)
        last, slots = run(name, STEPS)
        out[name] = {"after_1": sample(first), "after_10": sample(last),
                     "slots": {slot: sample(value) for slot, value in slots.items()}}
    return out


def schedules():
    def values(make):
        parameter = torch.nn.Parameter(torch.zeros(1))
        optimizer = torch.optim.SGD([parameter], lr=0.5)
        schedule = make(optimizer)
        rates = []
        for _ in range(14):
            rates.append(schedule.get_last_lr()[0])
            optimizer.step()
            schedule.step()
        return rates
    return {
        "constant": values(lambda o: optimization.get_constant_schedule_with_warmup(o, 4)),
        "linear": values(lambda o: optimization.get_linear_schedule_with_warmup(o, 4, 12)),
        "cosine": values(lambda o: optimization.get_cosine_schedule_with_warmup(o, 4, 12))[:13],
        "rsqrt": [0.5 / max(s, 4) ** 0.5 for s in range(14)],  # T5X: 1 / sqrt(max(step, warm-up))
    }


check_adamw_against_torch()
golden = {
    "samples": SAMPLES,
    "adafactor": record(adafactor),
    "adafactor_decay": record(lambda n, s: adafactor(n, s, weight_decay=0.01)),
    "adamw": record(lambda n, s: adamw(n, s, scaled=False, weight_decay=0.1)),
    "adamw_scaled": record(lambda n, s: adamw(n, s, scaled=True, weight_decay=0.1)),
    "schedules": schedules(),
}
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "optim.json")
with open(path, "w") as f:
    json.dump(golden, f, separators=(",", ":"))
print(os.path.getsize(path), golden["schedules"])
