"""Makes unicode_golden.json: what Python and the package regex say of every code point, as the reference scorers ask it.

Run with the pinned Python environment:  python make_unicode_golden.py
A set is the list of its ranges' ends, each as the distance from the end before: [first, length, gap, length, ...].
"known" are the code points that Python's own tables (Unicode 14) assign; "word" and "sigma_*" come from those tables,
punctuation, symbols and numbers from regex, whose tables are newer.
"""

import json
import pathlib
import re
import unicodedata

import regex

HERE = pathlib.Path(__file__).parent
SURROGATES = range(0xD800, 0xE000)
POINTS = [c for c in range(0x110000) if c not in SURROGATES]
SETS = {
    "known": lambda c: unicodedata.category(c) != "Cn",
    "space": str.isspace,
    "punctuation": regex.compile(r"\p{P}").match,
    "symbol": regex.compile(r"\p{S}").match,
    "number": regex.compile(r"\p{N}").match,
    "word": re.compile(r"\w").match,
    "sigma_after_letter_and": lambda c: ("a" + c + "Σ").lower()[-1] == "ς",
    "sigma_after": lambda c: (c + "Σ").lower()[-1] == "ς",
}


def gaps_of(inside):
  gaps, last, before = [], 0, False
  for c in range(0x110001):
    now = c < 0x110000 and c not in SURROGATES and bool(inside(chr(c)))
    if now != before:
      gaps.append(c - last)
      last, before = c, now
  return gaps


def lower_pairs():
  """[distance from the code point before, then how far each code point of its lower case is from it], for those that change."""
  pairs, last = [], 0
  for c in POINTS:
    lower = chr(c).lower()
    if lower != chr(c):
      pairs.append([c - last] + [ord(x) - c for x in lower])
      last = c
  return pairs


def main():
  golden = {name: gaps_of(inside) for name, inside in SETS.items()}
  golden["lower"] = lower_pairs()
  text = json.dumps(golden, separators=(",", ":")).replace(',"', ',\n"')
  (HERE / "unicode_golden.json").write_text(text + "\n")


if __name__ == "__main__":
  main()
