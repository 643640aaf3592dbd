"""Makes the span-corruption goldens: T5's formulas written down once more, with array operations
(t5.data.preprocessors: random_spans_helper, random_spans_noise_mask, noise_span_to_unique_sentinel).

    python make_data_golden.py          (needs numpy only)
"""

import json
import pathlib

import numpy as np

HERE = pathlib.Path(__file__).parent
PAPER = [(512, .15, 3), (64, .15, 3), (128, .15, 3), (256, .15, 3), (1024, .15, 3), (64, .2, 2),
         (64, .2, 1)]


def corrupted_lengths(tokens, density, mean):
    noise = int(round(tokens * density))
    spans = int(round(noise / mean))
    return tokens - noise + spans + 1, noise + spans + 1


def lengths(inputs, density, mean):
    tokens = inputs - 1
    while corrupted_lengths(tokens + 1, density, mean)[0] <= inputs:
        tokens += 1
    source, target = corrupted_lengths(tokens, density, mean)
    if density == .5 and target > source:
        tokens, target = tokens - 1, target - 1
    return tokens, source, target


def counts(length, density, mean, dtype=np.float32):
    length = max(length, 2)
    noise = int(np.round(dtype(length) * dtype(density)))
    noise = min(max(noise, 1), length - 1)
    return noise, max(int(np.round(dtype(noise) / dtype(mean))), 1)


def segment_sizes(indicator):
    ids = np.cumsum(np.concatenate([[0], indicator]))
    return np.bincount(ids.astype(int))


def mask(length, noise_indicator, kept_indicator):
    noise, kept = segment_sizes(noise_indicator), segment_sizes(kept_indicator)
    interleaved = np.stack([kept, noise], axis=1).reshape(-1)
    starts = np.cumsum(interleaved)[:-1]
    indicator = np.zeros(int(interleaved.sum()), int)
    indicator[starts] = 1
    return (np.cumsum(indicator) % 2 == 1)[:length]


def sentinels(tokens, noise, vocab):
    previous = np.concatenate([[False], noise[:-1]])
    first = noise & ~previous
    rest = noise & previous
    replaced = np.where(first, vocab - np.cumsum(first), tokens)
    return replaced[~rest]


def length_rows():
    grid = PAPER + [(n, d, m) for n in (16, 33, 64, 100, 128, 512) for d in (.05, .15, .3, .5, .7)
                    for m in (1, 2, 3, 5.5)]
    return [[n, d, m, *lengths(n, d, m)] for n, d, m in grid]


def count_rows():
    """Half of the rows are those where fp32 and double round differently."""
    rows, differ = [], []
    for density in (.15, .2, .3, .05, .45, .35, .55, .025):
        for length in range(1, 1201):
            for mean in (1.5, 3., 2.4):
                row = [length, density, mean, *counts(length, density, mean)]
                if row[3] != counts(length, density, mean, np.float64)[0] or \
                        row[4] != counts(length, density, mean, np.float64)[1]:
                    differ.append(row)
                elif length % 37 == 1 and row[4] <= max(length, 2) - row[3]:
                    rows.append(row)
    return {"same": rows, "fp32_only": differ[:200]}


def bits(values):
    return "".join("1" if v else "0" for v in values)


def mask_rows(rng):
    rows = []
    for length, density, mean in [(70, .15, 3), (141, .15, 3), (568, .15, 3), (32, .25, 2),
                                  (70, .2, 2), (63, .2, 1), (5, .15, 3), (2, .15, 3), (1, .15, 3)]:
        noise, spans = counts(length, density, mean)
        kept = max(length, 2) - noise
        indicators = [rng.permutation(np.arange(n - 1) < spans - 1) for n in (noise, kept)]
        noise_mask = mask(length, *indicators)
        tokens = rng.integers(3, 900, length)
        rows.append({"length": length, "density": density, "mean": mean,
                     "starts_noise": bits(indicators[0]), "starts_kept": bits(indicators[1]),
                     "mask": bits(noise_mask), "tokens": tokens.tolist(), "vocab": 1000,
                     "source": sentinels(tokens, noise_mask, 1000).tolist() + [1],
                     "target": sentinels(tokens, ~noise_mask, 1000).tolist() + [1]})
    return rows


def main():
    golden = {"lengths": length_rows(), "counts": count_rows(),
              "masks": mask_rows(np.random.default_rng(7))}
    text = json.dumps(golden).replace("], [", "],\n[").replace("}, {", "},\n{")
    (HERE / "data_golden.json").write_text(text + "\n")
    print({k: len(v) for k, v in golden.items()}, len(golden["counts"]["fp32_only"]),
          golden["lengths"][:7])


if __name__ == "__main__":
    main()
