"""Thousands of ordinary and hostile rows that a golden's maker and its test both draw, so that the golden stores scores only.

A row is drawn from its number alone, out of the alphabets that the golden holds. C++ twin: strings.h beside it.
"""

_MASK = (1 << 64) - 1


class Draws:
  """SplitMix64 (Steele, Lea and Flood 2014), a stream per row."""

  def __init__(self, row):
    self._state = (row * 0xD1342543DE82EF95) & _MASK

  def below(self, n):
    self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
    x = self._state
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return (x ^ (x >> 31)) % n

  def one_of(self, items):
    return items[self.below(len(items))]


def piece(draws, kind, alphabet):
  if kind == 0:
    return draws.one_of(alphabet["characters"])
  if kind == 1:
    return draws.one_of(alphabet["digits"])
  if kind == 2:
    first, last = draws.one_of(alphabet["blocks"])
    return chr(first + draws.below(last - first + 1))
  word = draws.one_of(alphabet["words"])
  if draws.below(4) == 0:
    word += draws.one_of(alphabet["endings"])
  return word + (draws.one_of(alphabet["spaces"]) if draws.below(3) == 0 else " ")


def pieces(draws, alphabet):
  kind = draws.below(8)
  return [piece(draws, kind, alphabet) for _ in range(draws.below(30))]


def changed(draws, base, alphabet):
  """A copy with pieces dropped, replaced and doubled, and now and then its halves exchanged."""
  out = []
  for item in base:
    what = draws.below(10)
    if what == 1:
      item = piece(draws, 3, alphabet)
    if what != 0:
      out.append(item)
    if what == 2:
      out.append(item)
  if draws.below(6) == 0:
    half = len(out) // 2
    out = out[half:] + out[:half]
  return "".join(out)


def row(number, alphabet):
  """(prediction, references) of the row with this number."""
  draws = Draws(number)
  base = pieces(draws, alphabet)
  prediction = changed(draws, base, alphabet)
  references = []
  for _ in range(1 + draws.below(3)):
    source = pieces(draws, alphabet) if draws.below(5) == 0 else base
    references.append(changed(draws, source, alphabet))
  if draws.below(12) == 0:
    references[-1] = prediction
  if number % 100 == 99:
    times = 4 + draws.below(12)
    prediction, references = prediction * times, [r * times for r in references]
  return prediction, references
