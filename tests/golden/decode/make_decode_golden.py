#!/usr/bin/env python3
"""Greedy decoding by Hugging Face transformers on tiny T5s whose weights both sides compute by formula.

Writes decode_golden.json beside this file: per model the config, the spread of each tensor, sources, and what
`generate` gives: ids, scores (sum of log-probabilities / n^penalty, n with EOS) and the least margin between the
two best candidates of a row. Grouped models (fewer K/V heads than heads) are run by transformers with each K/V
head repeated for its contiguous query heads. Needs the pinned Python environment (scripts/setup --peers).
"""

import json
import pathlib
import sys

import numpy as np
import torch
from transformers import T5Config, T5ForConditionalGeneration

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import formula  # noqa: E402


def tensor_shapes(c):
    d, inner, ff, v = c["d_model"], c["num_heads"] * c["d_kv"], c["d_ff"], c["vocab_size"]
    shapes = {"shared.weight": (v, d)}
    if not c["tied"]:
        shapes["lm_head.weight"] = (v, d)
    for stack, layers in (("encoder", c["num_layers"]), ("decoder", c["num_decoder_layers"])):
        shapes[f"{stack}.final_layer_norm.weight"] = (d,)
        shapes[f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"] = (32, c["num_heads"])
        for i in range(layers):
            sites = [("SelfAttention", "encoder_self")] if stack == "encoder" else [
                ("SelfAttention", "decoder_self"), ("EncDecAttention", "cross")]
            for j, (kind, site) in enumerate(sites):
                p = f"{stack}.block.{i}.layer.{j}"
                kv = c["kv_heads"][site][i] * c["d_kv"]
                shapes[f"{p}.layer_norm.weight"] = (d,)
                shapes[f"{p}.{kind}.q.weight"] = (inner, d)
                shapes[f"{p}.{kind}.k.weight"] = (kv, d)
                shapes[f"{p}.{kind}.v.weight"] = (kv, d)
                shapes[f"{p}.{kind}.o.weight"] = (d, inner)
            p = f"{stack}.block.{i}.layer.{len(sites)}"
            shapes[f"{p}.layer_norm.weight"] = (d,)
            for w in (("wi_0", "wi_1") if c["gated"] else ("wi",)):
                shapes[f"{p}.DenseReluDense.{w}.weight"] = (ff, d)
            shapes[f"{p}.DenseReluDense.wo.weight"] = (d, ff)
    return shapes


def spread(name, shape, c):
    """Half the width of a uniform law, 0 for norms. Strong attention makes a random model wander."""
    if name.endswith("norm.weight"):
        return 0.0
    if "relative_attention_bias" in name:
        return 1.2
    if name == "shared.weight":
        return 0.5 if c["tied"] else 1.7  # tied: else every token predicts itself
    if name == "lm_head.weight":
        return 4.0 / c["d_model"] ** 0.5
    if ".q." in name:
        return 3.0 / (c["d_model"] * c["d_kv"]) ** 0.5
    return 2.5 / shape[1] ** 0.5


def make_weights(c):
    spreads, weights = {}, {}
    for name, shape in tensor_shapes(c).items():
        spreads[name] = round(spread(name, shape, c), 6)
        scale, offset = (0.2, 1.0) if spreads[name] == 0 else (spreads[name], 0.0)
        weights[name] = formula.tensor(f"{c['name']}/{name}", shape, scale, offset)
    head = weights["shared.weight" if c["tied"] else "lm_head.weight"]
    # EOS wins wherever token `eos_like` would have won (with a positive logit), so rows end at various steps.
    head[1] = head[c["eos_like"]] * np.float32(1.125)
    return spreads, weights


def expanded(name, value, c):
    for site, part in (("encoder_self", "encoder."), ("decoder_self", "decoder."), ("cross", "EncDecAttention")):
        if part not in name or not name.endswith((".k.weight", ".v.weight")):
            continue
        if site == "decoder_self" and "EncDecAttention" in name:
            continue
        groups = c["kv_heads"][site][int(name.split(".")[2])]
        heads = value.reshape(groups, c["d_kv"], -1)
        return np.repeat(heads, c["num_heads"] // groups, axis=0).reshape(-1, value.shape[1])
    return value


def hf_model(c, weights):
    config = T5Config(
        vocab_size=c["vocab_size"], d_model=c["d_model"], d_kv=c["d_kv"], d_ff=c["d_ff"],
        num_layers=c["num_layers"], num_decoder_layers=c["num_decoder_layers"], num_heads=c["num_heads"],
        feed_forward_proj="gated-gelu" if c["gated"] else "relu", dropout_rate=0.0,
        tie_word_embeddings=c["tied"], decoder_start_token_id=0)
    model = T5ForConditionalGeneration(config).double().eval()
    # transformers 5 ties every T5 at construction: an untied head is put in by hand, and the factor
    # d_model^-0.5 belongs to tied models only.
    assert model.config.scale_decoder_outputs == c["tied"]
    if not c["tied"]:
        model.lm_head = torch.nn.Linear(c["d_model"], c["vocab_size"], bias=False).double()
    state = {n: torch.from_numpy(expanded(n, w, c).copy()) for n, w in weights.items()}
    parameters = dict(model.named_parameters())
    assert set(parameters) == set(state), set(parameters) ^ set(state)
    with torch.no_grad():
        for n, p in parameters.items():
            p.copy_(state[n])
    return model


def check_head(model, c, weights):
    """The head is applied as meant: untied without the factor, tied with it."""
    ids = torch.tensor([[5, 6, 7, 1]])
    start = torch.zeros(1, 1, dtype=torch.long)
    hidden = model.decoder(input_ids=start, encoder_hidden_states=model.encoder(ids).last_hidden_state,
                           use_cache=False)[0]
    head = torch.from_numpy(weights["shared.weight" if c["tied"] else "lm_head.weight"]).double()
    factor = c["d_model"] ** -0.5 if c["tied"] else 1.0
    torch.testing.assert_close(model(input_ids=ids, decoder_input_ids=start, use_cache=False).logits, hidden * factor @ head.T)


def decode(model, sources, new_tokens, penalty):
    # transformers sizes its cache by the encoder's depth, so a deeper decoder runs without one.
    cache = model.config.num_layers == model.config.num_decoder_layers
    longest = max(map(len, sources))
    ids = torch.tensor([s + [0] * (longest - len(s)) for s in sources])
    mask = torch.tensor([[1] * len(s) + [0] * (longest - len(s)) for s in sources])
    with torch.no_grad():
        out = model.generate(input_ids=ids, attention_mask=mask, num_beams=1, do_sample=False, use_cache=cache,
                             max_new_tokens=new_tokens, output_logits=True, return_dict_in_generate=True)
    rows, scores, margins = [], [], []
    for b in range(len(sources)):
        row, total, margin = [], 0.0, float("inf")
        for t, logits in enumerate(out.logits):
            token = int(out.sequences[b, t + 1])
            best = torch.topk(logits[b].double(), 2).values
            margin = min(margin, float(best[0] - best[1]))
            total += float(torch.log_softmax(logits[b].double(), -1)[token])
            row.append(token)
            if token == 1:
                break
        rows.append(row)
        scores.append(total / len(row) ** penalty)
        margins.append(margin)
    return rows, scores, margins


def sources_for(c, count):
    lengths = [1, 2, 3, 150, 5, 8, 13, 21, 34, 34, 34, 55, 89, 7, 7, 180] * ((count + 15) // 16)
    rows = []
    for i, n in enumerate(lengths[:count]):
        rows.append(formula.ids(f"{c['name']}/source {i}", n - 1, 2, c["vocab_size"]).tolist() + [1])
    return rows


BASE = dict(vocab_size=96, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_decoder_layers=2, num_heads=4)
MHA = dict(encoder_self=[4, 4], decoder_self=[4, 4], cross=[4, 4])
MODELS = [
    dict(BASE, name="v1.0 tied MHA", gated=False, tied=True, kv_heads=MHA, eos_like=24, new=40, penalty=1.0),
    dict(BASE, name="v1.1 untied MHA", gated=True, tied=False, kv_heads=MHA, eos_like=30, new=160, penalty=0.6),
    dict(BASE, name="v1.1 GQA", gated=True, tied=False, eos_like=53, new=40, penalty=1.0,
         kv_heads=dict(encoder_self=[4, 2], decoder_self=[2, 2], cross=[2, 4])),
    dict(BASE, name="v1.0 MQA deep", num_decoder_layers=3, gated=False, tied=True, eos_like=63, new=40, penalty=2.0,
         kv_heads=dict(encoder_self=[4, 4], decoder_self=[1, 1, 1], cross=[1, 2, 1])),
]


def main():
    models = []
    for c in MODELS:
        spreads, weights = make_weights(c)
        model = hf_model(c, weights)
        check_head(model, c, weights)
        sources = sources_for(c, 32)
        rows, scores, margins = decode(model, sources, c["new"], c["penalty"])
        print(c["name"], "lengths", sorted(map(len, rows)), "ended", sum(r[-1] == 1 for r in rows),
              "distinct", len(set(map(tuple, rows))), "least margin", min(margins))
        models.append(dict(c, spreads=spreads, sources=sources, ids=rows, scores=[round(s, 9) for s in scores],
                           margins=[float(f"{min(m, 1.0):.3g}") for m in margins]))
    path = pathlib.Path(__file__).parent / "decode_golden.json"
    path.write_text(json.dumps({"models": models}, separators=(",", ":")) + "\n")
    print(path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
