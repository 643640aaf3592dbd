#!/usr/bin/env python3
"""Beam search by Hugging Face transformers over a grid of settings, on the models of make_decode_golden.py.

Writes beam_golden.json beside this file: per model the distinct outputs, and per setting and row which of them
`generate` returns, their scores (sums in fp64, checked against transformers' fp32 ones) and the rows with a near
tie. A row's margin is the least gap of a decision that could change its result: at the edge of the candidates that
may end, of the beams that go on, of the hypotheses that stay, of the stopping rule, and between returned hypotheses.
T5X's length norm is run by transformers too, through a penalty whose power is ((5+n)/6)^alpha.
Needs the pinned Python environment (scripts/setup --peers).
"""

import itertools
import json
import pathlib
import sys

import torch
from transformers import T5ForConditionalGeneration

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from make_decode_golden import MODELS, hf_model, make_weights, sources_for  # noqa: E402

EOS, NEAR_TIE, INFINITE = 1, 1e-4, float("inf")
KEYS = ["beams", "length_penalty", "early_stopping", "min_length", "max_length", "no_repeat_ngram_size",
        "forced_bos_token_id", "forced_eos_token_id", "n_best", "length_norm"]


class T5xPenalty(float):
    """n ** penalty is T5X's brevity penalty of n."""

    def __rpow__(self, n):
        return ((5.0 + n) / 6.0) ** float(self)


def gaps(values, edge):
    """Per row the gap between the values at places edge - 1 and edge; infinite beside what does not count."""
    low, high = values[:, edge], values[:, edge - 1]
    return torch.where(low > -1e8, high - low, INFINITE).double()


class Recording(T5ForConditionalGeneration):
    """Keeps the least margin of each row in `margins` while the row can still change."""

    def note(self, margin):
        self.margins = torch.where(self.open, torch.minimum(self.margins, margin.double()), self.margins)

    def _get_top_k_continuations(self, **k):
        scores, beams = k["accumulated_log_probs"], k["num_beams"]
        vocab = scores.shape[1] // beams
        if k["cur_len"] == 1:
            self.margins, self.open = torch.full((len(scores),), INFINITE).double(), torch.ones(len(scores)).bool()
        last = k["cur_len"] + 1 == self.longest
        best = torch.topk(scores, beams + 1)
        ends = (best.indices[:, beams - 1:beams + 1] % vocab == EOS).any(1) | last
        self.note(torch.where(ends, gaps(best.values, beams), INFINITE))
        if not last:
            going = scores.clone().view(-1, beams, vocab)
            going[:, :, EOS] = -1e9
            self.note(gaps(torch.topk(going.view(len(scores), -1), beams + 1).values, beams))
        return super()._get_top_k_continuations(**k)

    def _update_finished_beams(self, **k):
        ended = k["next_token_hits_stopping_criteria"] & k["top_num_beam_mask"][None]
        n = k["cur_len"] + 1 - k["decoder_prompt_len"]
        new = torch.where(ended, k["topk_log_probs"] / n ** k["length_penalty"], -1e9)
        merged = torch.sort(torch.cat((k["beam_scores"], new), 1), descending=True).values
        self.note(gaps(merged, k["num_beams"]))
        result = super()._update_finished_beams(**k)
        self.finished = result[1]
        return result

    def _check_early_stop_heuristic(self, **k):
        full = k["is_sent_finished"].all(1)
        never = k["early_stopping"] == "never" and k["length_penalty"] > 0
        length = (k["max_length"] if never else k["cur_len"]) - k["decoder_prompt_len"]
        best = k["running_beam_scores"][:, 0] / length ** k["length_penalty"]
        going_on = full & (best > -1e8) & (k["early_stopping"] is not True)
        self.note(torch.where(going_on, (best - k["beam_scores"].min(1).values).abs(), INFINITE))
        result = super()._check_early_stop_heuristic(**k)
        self.open = result[:, 0] & ~(full & (k["early_stopping"] is True))
        return result

    def final_margins(self, n_best):
        values = torch.cat((self.finished, torch.full((len(self.finished), 1), -1e9)), 1)
        self.open[:] = True
        for edge in range(1, n_best + 1):
            self.note(gaps(values, edge))
        return self.margins


def batch(sources):
    longest = max(map(len, sources))
    return dict(input_ids=torch.tensor([s + [0] * (longest - len(s)) for s in sources]),
                attention_mask=torch.tensor([[1] * len(s) + [0] * (longest - len(s)) for s in sources]))


def log_probs(model, source, ids):
    logits = model(**batch([source]), decoder_input_ids=torch.tensor([[0] + ids[:-1]])).logits[0].double()
    return torch.log_softmax(logits, -1)[range(len(ids)), ids].tolist()


class Scorer:
    """Scores in fp64: a forced token counts 0."""

    def __init__(self, model, sources):
        self.model, self.sources, self.known = model, sources, {}

    def score(self, row, ids, s):
        key = (row, tuple(ids))
        if key not in self.known:
            self.known[key] = log_probs(self.model, self.sources[row], ids)
        values = list(self.known[key])
        if s["forced_bos_token_id"] is not None:
            values[0] = 0.0
        if s["forced_eos_token_id"] is not None and len(ids) == s["max_length"]:
            values[-1] = 0.0
        return sum(values) / len(ids) ** penalty_of(s)


def penalty_of(s):
    return T5xPenalty(s["length_penalty"]) if s["length_norm"] == "t5x" else s["length_penalty"]


def cut(ids, s):
    """What was generated: behind the start token, up to EOS."""
    ids = ids[1:1 + s["max_length"]].tolist()
    return ids[:ids.index(EOS) + 1] if EOS in ids else ids


def generate(model, sources, s):
    model.longest = s["max_length"] + 1
    return model.generate(
        **batch(sources), do_sample=False, num_beams=s["beams"], length_penalty=penalty_of(s),
        early_stopping=s["early_stopping"], min_new_tokens=s["min_length"], max_new_tokens=s["max_length"],
        no_repeat_ngram_size=s["no_repeat_ngram_size"], forced_bos_token_id=s["forced_bos_token_id"],
        forced_eos_token_id=s["forced_eos_token_id"], num_return_sequences=s["n_best"],
        return_dict_in_generate=True, output_scores=True)


def greedy_margins(out, rows):
    margins = []
    for b, ids in enumerate(rows):
        best = [torch.topk(out.scores[t][b].double(), 2).values for t in range(len(ids))]
        margins.append(min(float(x[0] - x[1]) for x in best))
    return margins


def run(model, sources, scorer, s):
    """Per row the n-best ids and scores, and the margins."""
    out = generate(model, sources, s)
    rows = [cut(ids, s) for ids in out.sequences]
    scores = [scorer.score(i // s["n_best"], ids, s) for i, ids in enumerate(rows)]
    if s["beams"] == 1:
        return [[r] for r in rows], [[x] for x in scores], greedy_margins(out, rows)
    for ours, theirs in zip(scores, out.sequences_scores.tolist()):
        assert abs(ours - theirs) < 1e-4 * max(1, abs(ours)), (s, ours, theirs)
    n = s["n_best"]
    grouped = [[x[i:i + n] for i in range(0, len(x), n)] for x in (rows, scores)]
    return *grouped, model.final_margins(n).tolist()


def grid():
    """Beams, penalty, stopping and n-gram size in full; the other settings take turns beside them."""
    others = list(itertools.product((0, 4), (7, 18), (None, 9), (None, EOS), (False, True)))
    settings = []
    for i, (beams, penalty, early, ngram) in enumerate(
            itertools.product((1, 2, 4, 5), (0.0, 0.6, 1.0, 2.0), (False, True, "never"), (0, 2, 3))):
        if beams == 1 and early is not False:
            continue
        least, longest, first, last, all_of_them = others[i * 11 % len(others)]
        settings.append([beams, penalty, early, least, longest, ngram, first, last, beams if all_of_them else 1,
                         "huggingface"])
    for beams, penalty, early in itertools.product((2, 4), (0.6, 1.0), (False, True, "never")):
        settings.append([beams, penalty, early, 0, 18, 0, None, None, beams, "t5x"])
    return [dict(zip(KEYS, s)) for s in settings]


def main():
    models = []
    for c in (MODELS[0], MODELS[2]):
        spreads, weights = make_weights(c)
        model = hf_model(c, weights)
        model.__class__ = Recording
        sources = [sources_for(c, 16)[i] for i in (0, 2, 5, 7, 8, 12)]
        scorer, known, results, ties, lengths = Scorer(model, sources), {}, [], 0, set()
        with torch.no_grad():
            for s in grid():
                rows, scores, margins = run(model, sources, scorer, s)
                near = [i for i, m in enumerate(margins) if m < NEAR_TIE]
                ties += len(near)
                lengths |= {len(ids) for row in rows for ids in row}
                which = [[known.setdefault(tuple(ids), len(known)) for ids in row] for row in rows]
                results.append([list(s.values()), which, [[round(x, 6) for x in row] for row in scores], near])
        print(c["name"], len(results), "settings", len(known), "outputs", ties, "near ties", "lengths", sorted(lengths))
        models.append(dict(c, spreads=spreads, sources=sources, outputs=list(map(list, known)), results=results))
    path = pathlib.Path(__file__).parent / "beam_golden.json"
    path.write_text(json.dumps({"keys": KEYS, "models": models}, separators=(",", ":")) + "\n")
    print(path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
