"""Makes metrics_golden.json: what the field's reference scorers give for ordinary and hostile pairs of strings.

Run with the pinned Python environment:  python make_metrics_golden.py
BLEU and chrF come from sacreBLEU, ROUGE and stems from rouge_score with NLTK. The normalization of SQuAD v1.1 and
TriviaQA answers is written out below from the published rules (lower case; punctuation deleted or replaced; articles
removed; white space collapsed) with regular expressions, unlike the C++ code, which walks over characters.
"""

import json
import pathlib
import random
import re
import string
from collections import Counter

import sacrebleu
from nltk.stem.porter import PorterStemmer
from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU, CHRF

TOKENIZERS = ["13a", "intl", "char", "none"]
ROUGE_KEYS = ["rouge1", "rouge2", "rougeL", "rougeLsum"]
HERE = pathlib.Path(__file__).parent

WORDS = """the a an The A cat dog river mountain Government announced quickly running runs ran happily beautiful
organization organisations nationally digitally skies dying news proceed studies tried flying enjoy enjoyment
University students' don't it's well-known state-of-the-art 3.14 1,000 2,5 10-12 2024. U.S. e.g. Mr. $5 50% C++ C#
"quoted" (parens) [brackets] {braces} <tag> &amp; &lt; a/b x=y foo_bar http://example.org/a?b=c&d=e ... -- — – „Zitat“
‘single’ «guillemets» Straße Ärger naïve café CAFÉ ΣΟΦΟΣ Σ ΟΔΟΣ. İstanbul ǅ ß ẞ Kelvin K Å 東京 タワー 大阪。 数学、 한국어 русский Текст
العربية ١٢٣ ½ ² Ⅷ ① e\u0301 a\u0301 ﬁne ✓ → ≤ € £ ¥ 😀 👩\u200d💻 …! ?! ;; :: '' `` ''' ´´ ^ ~ | \\ * # @ + = < >""".split()
SPACES = [" ", " ", " ", " ", " ", "  ", "\t", "\u00a0", "\u3000", "\u2028", "\x1c", "\x85", "\u200b", " . ", "\n", "-\n"]
CHARACTERS = (string.printable + "‘’´`“”„«»—–…·。、！？（）【】€£¥§°±×÷≤≥→✓☃😀🏳️‍🌈äöüßñçéèÄÖÜİıŁłΣσςΑάжЖяЯ東京都한글ｱＡ１٠١٢३४½¾²³ⅣⅫ①㊿"
              "\u00a0\u1680\u2003\u2028\u2029\u202f\u205f\u3000\u200b\u200d\ufeff\u0301\u0308\u0000\x1c\x1f\x85ʰˈ'ﬁﬀǅK")
FIXED = [
    ("", [""]), ("", ["the"]), ("the", [""]), ("   ", ["\t\n"]), ("a an the", ["The A An"]), (".", ["."]), ("the.", ["the"]),
    ("It is 3.5 million, not 3,500.", ["It's 3.5 million, not 3,500 ."]), ("pre-\nfix <skipped> done", ["prefix done"]),
    ("&quot;Hi&quot; &amp;lt; &lt;b&gt;", ["\"Hi\" < <b>"]), ("1-2 3 -4 a-5 5-a 5--6", ["1 - 2 3 - 4 a - 5"]),
    (".,.,a.,1.,2", ["., ., a., 1., 2"]), ("A_LOT of `quotes´ ‘here’", ["a lot of quotes here", "alot of quotes here"]),
    ("ΟΔΥΣΣΕΥΣ ΣΟΦΟΣ. Σ ΑΣ' ΑΣ'Α", ["οδυσσευς σοφος σ ας' ασ'α"]), ("İSTANBUL'DA", ["i\u0307stanbul'da", "istanbul'da"]),
    ("a\u0301 the\u0301 an\u200bx", ["the a", "x"]), ("yyyy yyyyed yyying", ["yyyy"]), ("x" * 40, ["x" * 41, "x" * 39]),
    ("one two three four", ["one two three four"]), ("one two three", ["one two three"]), ("big moose‘", ["a big moose"]),
    ("w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5", ["w1 w2 w3 w4 w5"]), ("a b a b a b a", ["a a a b"]), ("a\n\nb\n . \nc", ["a\nb\nc\n"]),
    ("The runners studied happily hopping nations", ["the runner studies happy hopped nation", "running studying hopes"]),
    ("generalizations of flying skies digitally", ["generalize the fly sky digital"]), ("news new dies died ties tied", ["newly die dying tie tying"]),
    ("First sentence . Second one .", ["Second one . First sentence . "]), ("1990.", ["1990 ."]), ("«1.5»,2;3", ["« 1.5 » , 2 ; 3"]),
]
ENDINGS = ["s", "ed", "ing", "ly", "es", "er"]
STEM_WORDS = """sky skies dying lying tying news inning innings outing outings canning cannings howe proceed exceed succeed
dies ties flies died tied spied spies agreed feed freed bled sing motoring plastered conflated troubled sized hopping tanned
falling hissing fizzed failing filing happy enjoy enjoyment spy fly try tries by say relational conditional rational valenci
hesitanci digitizer conformabli radically radicalli differentli vileli analogousli vietnamization predication operator
feudalism decisiveness hopefulness callousness formaliti sensitiviti sensibiliti hopefully usefulli geology theology
archaeology apologi triplicate formative formalize electriciti electrical hopeful goodness revival allowance inference
airliner gyroscopic adjustable defensible irritant replacement adjustment dependent adoption homologou communism activate
angulariti homologous effective bowdlerize probate rate cease controll roll yyyy syzygy toy oats trees ivy troubles private
oaten orrery 1234s 1990s 4th x86ed abed egging added odds owed used using ions ion onion national nationally really
generalizations oscillators ponies caress caresses cats meetings stress able doable table enable eat eating ate ally""".split()


def normalize(text, trivia):
  text = text.lower()
  if trivia:
    text = re.sub("[" + re.escape(string.punctuation + "‘’´`_") + "]", " ", text)
  else:
    text = text.translate(str.maketrans("", "", string.punctuation))
  return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def answer_scores(prediction, references, trivia):
  found = normalize(prediction, trivia)
  best_em, best_f1 = 0.0, 0.0
  for reference in references:
    expected = normalize(reference, trivia)
    same = sum((Counter(expected.split()) & Counter(found.split())).values())
    f1 = 0.0 if same == 0 else 2 * same / (len(expected.split()) + len(found.split()))
    best_em, best_f1 = max(best_em, float(expected == found)), max(best_f1, f1)
  return [best_em, best_f1]


def noisy_copy(rng, text):
  words = text.split(" ")
  out = []
  for word in words:
    draw = rng.random()
    if draw < 0.12:
      continue
    out.append(rng.choice(WORDS) if draw < 0.25 else word.upper() if draw < 0.3 else
               word + rng.choice(ENDINGS) if draw < 0.4 else word)
  if rng.random() < 0.3:
    rng.shuffle(out)
  return " ".join(out)


def ordinary(rng):
  text = "".join(rng.choice(WORDS) + rng.choice(SPACES) for _ in range(rng.randint(1, 25)))
  return text


def hostile(rng):
  return "".join(rng.choice(CHARACTERS) for _ in range(rng.randint(0, 40)))


def make_rows(rng):
  rows = list(FIXED)
  for i in range(230):
    base = ordinary(rng) if i % 3 else hostile(rng)
    count = rng.choice([1, 1, 1, 2, 3])
    prediction = noisy_copy(rng, base) if i % 3 else hostile(rng) + base[: len(base) // 2]
    rows.append((prediction, [noisy_copy(rng, base) if i % 3 else base[k:] for k in range(count)]))
  rows.append(("long words repeat here " * 120, ["long words here repeat " * 100]))
  return rows


def bleu_of(predictions, references, tokenize, lowercase):
  most = max(len(r) for r in references)
  streams = [[r[k] if k < len(r) else None for r in references] for k in range(most)]
  metric = BLEU(tokenize=tokenize, lowercase=lowercase)
  score = metric.corpus_score(predictions, streams)
  return {"bleu": score.score, "precisions": score.precisions, "brevity_penalty": score.bp,
          "signature": str(metric.get_signature())}


def chrf_of(predictions, references, lowercase):
  most = max(len(r) for r in references)
  streams = [[r[k] if k < len(r) else None for r in references] for k in range(most)]
  metric = CHRF(lowercase=lowercase)
  score = metric.corpus_score(predictions, streams)
  return {"chrf": score.score, "signature": str(metric.get_signature())}


def rouge_of(scorer, prediction, references, split_dot):
  prepare = (lambda t: t.replace(" . ", " .\n")) if split_dot else (lambda t: t)
  scores = scorer.score_multi([prepare(r) for r in references], prepare(prediction))
  return [100 * float(scores[k].fmeasure) for k in ROUGE_KEYS]


def short(value):
  if isinstance(value, float):
    return float(f"{value:.6f}")
  if isinstance(value, dict):
    return {k: short(v) for k, v in value.items()}
  return [short(v) for v in value] if isinstance(value, list) else value


def row_scores(prediction, references, plain, stemming):
  p, r = [prediction], [references]
  return {
      "prediction": prediction, "references": references,
      "bleu": [bleu_of(p, r, t, False)["bleu"] for t in TOKENIZERS],
      "bleu_lc": bleu_of(p, r, "13a", True)["bleu"],
      "chrf": [chrf_of(p, r, False)["chrf"], chrf_of(p, r, True)["chrf"]],
      "rouge": rouge_of(plain, prediction, references, False),
      "rouge_stem": rouge_of(stemming, prediction, references, False),
      "rouge_dot": rouge_of(plain, prediction, references, True)[3],
      "squad": [100 * v for v in answer_scores(prediction, references, False)],
      "trivia_qa": [100 * v for v in answer_scores(prediction, references, True)],
  }


def corpus_scores(rows, begin, end):
  predictions = [p for p, _ in rows[begin:end]]
  references = [r for _, r in rows[begin:end]]
  return {"begin": begin, "end": end,
          "bleu": [bleu_of(predictions, references, t, lc) for t in TOKENIZERS for lc in (False, True)],
          "chrf": [chrf_of(predictions, references, lc) for lc in (False, True)]}


def main():
  assert sacrebleu.__version__ == "2.6.0"
  rows = make_rows(random.Random(20240517))
  plain = rouge_scorer.RougeScorer(ROUGE_KEYS, use_stemmer=False)
  stemming = rouge_scorer.RougeScorer(ROUGE_KEYS, use_stemmer=True)
  golden = {
      "rows": [row_scores(p, r, plain, stemming) for p, r in rows],
      "corpora": [corpus_scores(rows, b, e) for b, e in ((0, 29), (29, 100), (100, 260), (18, 19))],
      "stems": [[w, PorterStemmer().stem(w)] for w in STEM_WORDS],
  }
  text = json.dumps(short(golden), ensure_ascii=True, separators=(",", ":")).replace('{"prediction"', '\n{"prediction"')
  (HERE / "metrics_golden.json").write_text(text + "\n")


if __name__ == "__main__":
  main()
