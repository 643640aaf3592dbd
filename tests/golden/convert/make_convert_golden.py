#!/usr/bin/env python3
"""Makes convert_golden.json: head merging written out in numpy, one head at a time, from weights that both sides compute.

Run with the pinned environment's python (scripts/setup --peers); needs numpy only.
"""
import json
import pathlib

import numpy as np

E, D = 4, 6  # head width, model width


def weights(heads: int, seed: int) -> np.ndarray:
    """[heads * E, D]; the C++ test has the same formula. Integers over 2^10, so exact in every type but bf16."""
    rows, columns = np.meshgrid(np.arange(heads * E), np.arange(D), indexing="ij")
    return ((rows * 37 + columns * 101 + seed * 53) % 509 - 254).astype(np.float64) / 1024.0


def mean_contiguous(kv: np.ndarray, heads: int, groups: int) -> np.ndarray:
    per_group = heads // groups
    out = np.zeros((groups * E, kv.shape[1]))
    for g in range(groups):
        for j in range(g * per_group, (g + 1) * per_group):
            out[g * E:(g + 1) * E] += kv[j * E:(j + 1) * E]
    return out / per_group


def mean_strided(kv: np.ndarray, heads: int, groups: int) -> np.ndarray:
    """The control: head j goes to group j % groups."""
    out = np.zeros((groups * E, kv.shape[1]))
    for j in range(heads):
        out[(j % groups) * E:(j % groups + 1) * E] += kv[j * E:(j + 1) * E]
    return out / (heads // groups)


def first(kv: np.ndarray, heads: int, groups: int) -> np.ndarray:
    per_group = heads // groups
    return np.concatenate([kv[g * per_group * E:(g * per_group + 1) * E] for g in range(groups)])


def expand(kv: np.ndarray, groups: int, heads: int) -> np.ndarray:
    per_group = heads // groups
    return np.concatenate([kv[(j // per_group) * E:(j // per_group + 1) * E] for j in range(heads)])


def main() -> None:
    cases = []
    for heads, groups in [(8, 4), (8, 2), (8, 1), (12, 3), (6, 2), (12, 12)]:
        kv = weights(heads, heads + groups).astype(np.float32).astype(np.float64)
        pooled = mean_contiguous(kv, heads, groups)
        cases.append({
            "heads": heads, "groups": groups, "seed": heads + groups,
            "mean": pooled.astype(np.float32).ravel().tolist(),
            "mean_f16": pooled.astype(np.float16).astype(np.float64).ravel().tolist(),
            "first": first(kv, heads, groups).ravel().tolist(),
            "expanded": expand(pooled.astype(np.float32), groups, heads).ravel().tolist(),
            "strided_control": mean_strided(kv, heads, groups).astype(np.float32).ravel().tolist(),
        })
    path = pathlib.Path(__file__).with_name("convert_golden.json")
    path.write_text(json.dumps({"e": E, "d": D, "cases": cases}) + "\n")


if __name__ == "__main__":
    main()
