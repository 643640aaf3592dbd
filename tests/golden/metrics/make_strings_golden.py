"""Makes strings_golden.json: scores of the rows that strings.py draws, under every metric and option.

Run with the pinned Python environment:  python make_strings_golden.py   (about half a minute)
The rows are scored in blocks: BLEU and chrF as sacreBLEU's corpus score of a block, ROUGE (rouge_score), SQuAD, TriviaQA and
exact match as the mean over its rows, so that a row that is off by 1e-4 moves its block by more than the test allows.
"""

import json
import pathlib
import string

from make_metrics_golden import (CHARACTERS, ENDINGS, ROUGE_KEYS, SPACES, STEM_WORDS, TOKENIZERS, WORDS, answer_scores,
                                 bleu_of, chrf_of, rouge_of)
from rouge_score import rouge_scorer

import strings

HERE = pathlib.Path(__file__).parent
ROWS, BLOCK = 3000, 20
ALPHABET = {
    "characters": list(CHARACTERS),
    "digits": list(string.digits * 2 + string.punctuation + "..,,--  "),
    # Latin to Hebrew, Arabic, Devanagari, Thai, Hangul, extended Greek, punctuation and symbols, CJK, Tibetan, full width,
    # private use, mathematical letters, emoji, the last code points: nearly all of them older than Unicode 14.
    "blocks": [[0, 0x377], [0x384, 0x556], [0x5D0, 0x5EA], [0x600, 0x70D], [0x900, 0x983], [0xE01, 0xE3A], [0x1100, 0x11FF],
               [0x1F00, 0x1FFE], [0x2000, 0x206F], [0x2070, 0x218B], [0x2190, 0x2426], [0x2440, 0x2BFF], [0x3000, 0x30FF],
               [0x4E00, 0x4E40], [0xAC00, 0xAC40], [0xD7FB, 0xD7FF], [0xE000, 0xE008], [0xF00, 0xFD4], [0xFE10, 0xFE6B],
               [0xFF01, 0xFFFF], [0x10400, 0x1044F], [0x1D400, 0x1D7FF], [0x1F100, 0x1F1AD], [0x1F300, 0x1F64F],
               [0x1F900, 0x1F9FF], [0xE0001, 0xE007F], [0x10FFF0, 0x10FFFF]],
    "words": WORDS + STEM_WORDS + ["Αθήνας", "ΤΗΣ", "ΟΔΟΣ", "the", "The", "THE", "a", "An", "an", "the_a", "a-the", "the's"],
    "endings": ENDINGS + ["ΣΣ", "'s", ".", ",", "!", "-", "ation", "fulness", "'"],
    "spaces": SPACES + ["\n", "\n", " ", "\u2029", "\x1d", "\u2003"],
}


def mean(rows):
  return [100 * sum(column) / len(rows) for column in zip(*rows)]


def exact(prediction, references):
  return [float(prediction in references)]


def block_scores(rows, plain, stemming):
  predictions, references = [p for p, _ in rows], [r for _, r in rows]
  rouge = [[rouge_of(scorer, p, r, dot) for p, r in rows] for scorer, dot in ((plain, False), (stemming, False), (plain, True))]
  return {
      "bleu": [bleu_of(predictions, references, t, lower)["bleu"] for t in TOKENIZERS for lower in (False, True)],
      "chrf": [chrf_of(predictions, references, lower)["chrf"] for lower in (False, True)],
      "rouge": [[value / 100 for value in mean(scores)] for scores in rouge],
      "squad": mean([answer_scores(p, r, False) for p, r in rows]),
      "trivia_qa": mean([answer_scores(p, r, True) for p, r in rows]),
      "exact_match": mean([exact(p, r) for p, r in rows]),
  }


def short(value):
  if isinstance(value, dict):
    return {key: short(item) for key, item in value.items()}
  return [short(item) for item in value] if isinstance(value, list) else round(value, 7)


def main():
  rows = [strings.row(number, ALPHABET) for number in range(ROWS)]
  plain = rouge_scorer.RougeScorer(ROUGE_KEYS, use_stemmer=False)
  stemming = rouge_scorer.RougeScorer(ROUGE_KEYS, use_stemmer=True)
  blocks = [block_scores(rows[i:i + BLOCK], plain, stemming) for i in range(0, ROWS, BLOCK)]
  golden = {"rows": ROWS, "block": BLOCK, "alphabet": ALPHABET, "blocks": short(blocks)}
  text = json.dumps(golden, ensure_ascii=True, separators=(",", ":")).replace('{"bleu"', '\n{"bleu"')
  (HERE / "strings_golden.json").write_text(text + "\n")


if __name__ == "__main__":
  main()
