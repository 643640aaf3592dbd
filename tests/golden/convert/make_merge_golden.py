#!/usr/bin/env python3
"""Makes merge_golden.json: the weighted and aligned merges written out in numpy in column layout (W_q [d, e] per head,
symmetric roots by eigendecomposition), where the C++ code works in rows with Cholesky factors. What is compared does not
depend on the gauge: per query head the bilinear forms W_q W_k^T and W_v W_o of the merged attention.

Run with the pinned environment's python (scripts/setup --peers); needs numpy only.
"""
import json
import pathlib

import numpy as np

H, E, D = 4, 3, 8  # heads, head width, model width
RIDGE = 1e-4


def draw(rows: int, columns: int, seed: int) -> np.ndarray:
    """The C++ test has the same formula: no closed form, no symmetry, exact in fp64."""
    i, j = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    return ((i * i * 37 + i * 11 + j * j * 101 + j * 7 + i * j * 29 + seed * 53) % 509 - 254) / 256.0


def moment(size: int, seed: int) -> np.ndarray:
    x = draw(3 * size, size, seed)
    return x.T @ x / (3 * size)


def ridged(c: np.ndarray) -> np.ndarray:
    return c + RIDGE * np.trace(c) / len(c) * np.eye(len(c))


def root(c: np.ndarray) -> np.ndarray:
    w, v = np.linalg.eigh(c)
    return v * np.sqrt(np.maximum(w, 0)) @ v.T


def joint_svd(heads, left, rights):
    """min sum |L (W_h - S M_h) R_h|^2 -> S, [M_h]; any gauge."""
    u, _, _ = np.linalg.svd(np.concatenate([left @ w @ r for w, r in zip(heads, rights)], 1), full_matrices=False)
    basis = u[:, :E]
    return np.linalg.solve(left, basis), [basis.T @ left @ w for w in heads]


def procrustes(heads):
    target, before = heads[0], 0.0
    for _ in range(100):
        turned = []
        for w in heads:
            u, _, v = np.linalg.svd(w.T @ target)
            turned.append(u @ v)
        target = sum(w @ r for w, r in zip(heads, turned)) / len(heads)
        now = np.linalg.norm(target)
        if now - before < 1e-7 * now:
            break
        before = now
    size = np.mean([np.linalg.norm(w) for w in heads])
    return target * size / np.linalg.norm(target), [r.T for r in turned]


def merge(method, heads, metric):
    if method == "norm_mean":
        mean = sum(heads) / len(heads)
        size = np.mean([np.linalg.norm(w) for w in heads])
        return mean * size / np.linalg.norm(mean), [np.eye(E)] * len(heads)
    if method == "procrustes":
        return procrustes(heads)
    return joint_svd(heads, *metric)


def main() -> None:
    q, k, v = (draw(H * E, D, seed).T for seed in (1, 2, 3))  # [D, H*E]
    o = draw(D, H * E, 4).T  # [H*E, D]
    cut = lambda w: [w[:, h * E:(h + 1) * E] for h in range(H)]
    queries, keys, values = cut(q), cut(k), cut(v)
    outputs = [o[h * E:(h + 1) * E] for h in range(H)]
    key_root, value_root = root(ridged(moment(D, 5))), root(ridged(moment(D, 6)))
    query_roots = [root(ridged(moment(E, 7 + h))) for h in range(H)]
    output_roots = [root(w @ w.T) for w in outputs]
    cases = []
    for method in ("norm_mean", "procrustes", "svd", "covariance_svd"):
        for groups in (1, 2):
            logits, out = [], []
            for g in range(groups):
                members = range(g * H // groups, (g + 1) * H // groups)
                pick = lambda all_heads: [all_heads[h] for h in members]
                weighted = method == "covariance_svd"
                key_metric = (key_root, pick(query_roots)) if weighted else (np.eye(D), [np.eye(E)] * len(members))
                value_metric = (value_root if weighted else np.eye(D), pick(output_roots))
                s, m = merge(method, pick(keys), key_metric)
                t, n = merge(method, pick(values), value_metric)
                for i, h in enumerate(members):
                    logits.append(queries[h] @ m[i].T @ s.T)
                    out.append(t @ n[i] @ outputs[h])
            cases.append({"method": method, "groups": groups, "logits": np.array(logits).ravel().tolist(),
                          "outputs": np.array(out).ravel().tolist()})
    path = pathlib.Path(__file__).with_name("merge_golden.json")
    path.write_text(json.dumps({"heads": H, "e": E, "d": D, "cases": cases}) + "\n")


if __name__ == "__main__":
    main()
