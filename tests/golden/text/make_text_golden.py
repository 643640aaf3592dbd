"""Makes the tokenizer goldens: a small SentencePiece model trained by the Python package, and what
transformers' T5Tokenizer makes of texts with it.

    python make_text_golden.py          (the environment of scripts/setup --peers)
"""

import json
import pathlib
import shutil
import tempfile

import sentencepiece
from transformers import T5Tokenizer

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent.parent
EXTRA_IDS = 20

TEXTS = [
    "Licensed under the Apache License",
    "",
    "   ",
    "  two  spaces ",
    "tab\tnew\nline",
    "The <extra_id_0> under <extra_id_1> the",
    "<extra_id_0>work<extra_id_1>the<extra_id_2>",
    "a<extra_id_3>b",
    "a <extra_id_19>",
    "a <extra_id_20>",
    "a <extra_id_00> <extra_id_-1> <extra_id_> <extra_id_1",
    "<extra_id_0> <extra_id_1>",
    "\n<extra_id_0>\nfoo <<extra_id_7>>",
    "ﬁ Ａ ½ 日本",
    "1 < 2 > 0",
]


def train(folder):
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter((ROOT / "LICENSE").read_text().splitlines()),
        model_prefix=str(folder / "spiece"), vocab_size=320, model_type="unigram",
        normalization_rule_name="nmt_nfkc", pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
        hard_vocab_limit=False, minloglevel=2)
    config = {"tokenizer_class": "T5Tokenizer", "extra_ids": EXTRA_IDS, "eos_token": "</s>",
              "pad_token": "<pad>", "unk_token": "<unk>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        train(folder)
        tokenizer = T5Tokenizer.from_pretrained(folder)
        cases = [{"text": text, "ids": tokenizer(text).input_ids[:-1]} for text in TEXTS]
        golden = {"size": len(tokenizer), "cases": cases}
        shutil.copy(folder / "spiece.model", HERE)
        shutil.copy(folder / "tokenizer_config.json", HERE)
    (HERE / "text_golden.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
