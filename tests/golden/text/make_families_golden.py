"""Makes the goldens of the other vocabularies: mT5, umT5, ByT5, and 1,000 lines of odd Unicode.

    python make_families_golden.py          (the environment of scripts/setup --peers)

The published spiece.model files of mT5 (250,100 pieces) and umT5 (256,000) are too large for a
repository: small ones of the same build stand in. umt5.model is trained with byte fallback, as theirs
were; mt5.model is the same with the pieces "▁<extra_id_99>" ... "▁<extra_id_0>" behind it, as seqio
adds them (SentencePieceVocabulary) and mT5 publishes them. Text is not normalized in them, which
keeps the files small; spiece.model beside them (make_text_golden.py) normalizes as T5 does.
"""

import json
import pathlib
import random
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from transformers import AutoTokenizer, ByT5Tokenizer

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent.parent.parent
BASE = {"tokenizer_class": "T5Tokenizer", "eos_token": "</s>", "pad_token": "<pad>",
        "unk_token": "<unk>"}

# Ranges that code points are drawn from, about as often as they are named.
RANGES = [
    (0x20, 0x7E), (0x20, 0x7E), (0x20, 0x7E), (0x61, 0x7A), (0x61, 0x7A), (0x01, 0x1F), (0x7F, 0xA0),
    (0xA0, 0x17F), (0x180, 0x24F), (0x2B0, 0x36F), (0x370, 0x3FF), (0x400, 0x45F), (0x590, 0x5FF),
    (0x600, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F), (0x1100, 0x11FF), (0x1E00, 0x1FFF),
    (0x2000, 0x206F), (0x20A0, 0x218F), (0x2190, 0x23FF), (0x2460, 0x25FF), (0x2581, 0x2581),
    (0x2600, 0x27BF), (0x3000, 0x30FF), (0x3200, 0x33FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3),
    (0xE000, 0xE0FF), (0xFB00, 0xFB4F), (0xFE00, 0xFEFF), (0xFF00, 0xFFEF), (0xFFF9, 0xFFFF),
    (0x10000, 0x100FF), (0x1D400, 0x1D7FF), (0x1F1E6, 0x1F1FF), (0x1F300, 0x1F6FF), (0xE0000, 0xE007F),
    (0x10FF00, 0x10FFFF),
]
ODD = ["e\u0301", "\u1100\u1161\u11a8", "👩\u200d👩\u200d👧", "\u202eabc\u202c", "ﬁ", "①", "㍿", "½", "İ", "ß",
       "\u00ad", "\ufeff", "\u2028", "\u0000", "▁", "  ", "<extra_id_x>", "</s>",
       "<pad>", "<unk>", "the ", "License ", "\r\n", "\t"]

SENTENCES = [
    "The <extra_id_0> under <extra_id_1> the", "<extra_id_0> work <extra_id_99>", "a<extra_id_3>b",
    "<extra_id_2>work", "a <extra_id_100> <extra_id_299>", "<extra_id_0>",
    "<extra_id_0> <extra_id_1>", "1 < 2", "",
]
BYTE_TEXTS = SENTENCES + [
    "é€😀", "  two  spaces ", "tab\tnew\nline\r\n", "\u0000", "a <extra_id_124> <extra_id_125>b",
    "<extra_id_00> <extra_id_-1> <extra_id_> <extra_id_1", "\u2028\ufeff\U0010ffff",
]


def odd_lines(count=1000):
    rng = random.Random(20260101)
    lines = []
    for _ in range(count):
        parts = []
        for _ in range(rng.randint(1, 18)):
            if rng.random() < 0.12:
                parts.append(rng.choice(ODD))
            else:
                parts.append(chr(rng.randint(*rng.choice(RANGES))))
        lines.append("".join(parts))
    return lines


def fnv1a(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) & ((1 << 64) - 1)
    return f"{value:016x}"


def train_umt5(path):
    with tempfile.TemporaryDirectory() as folder:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter((ROOT / "LICENSE").read_text().splitlines()),
            model_prefix=folder + "/spiece", vocab_size=600, model_type="unigram", byte_fallback=True,
            normalization_rule_name="identity", pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
            hard_vocab_limit=False, num_threads=1, minloglevel=2)
        model = sentencepiece_model_pb2.ModelProto.FromString(
            pathlib.Path(folder + "/spiece.model").read_bytes())
    model.trainer_spec.model_prefix = path.stem  # not the temporary folder's name
    path.write_bytes(model.SerializeToString())


def add_pieces(source, path, count=100):
    model = sentencepiece_model_pb2.ModelProto.FromString(source.read_bytes())
    for n in reversed(range(count)):
        model.pieces.add(piece=f"▁<extra_id_{n}>", score=0.0,
                         type=sentencepiece_model_pb2.ModelProto.SentencePiece.USER_DEFINED)
    path.write_bytes(model.SerializeToString())


def hugging_face(model, config):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "spiece.model").write_bytes(model.read_bytes())
        (folder / "tokenizer_config.json").write_text(json.dumps({**BASE, **config}))
        return AutoTokenizer.from_pretrained(folder)


def family(model, config, count):
    """Sentences through transformers, with the ids of all sentinels. Characters outside the
    vocabulary are left out: transformers' T5Tokenizer knows no byte fallback."""
    tokenizer = hugging_face(model, config)
    texts = ["<extra_id_%d>" % n for n in range(count)]
    ids = [tokenizer(text).input_ids[:-1][-1] for text in texts]
    cases = [{"text": t, "ids": tokenizer(t).input_ids[:-1]} for t in SENTENCES]
    known = [c for c in cases if 2 not in c["ids"]]
    return {"config": config, "size": len(tokenizer), "sentinels": count, "first": ids[0],
            "last": ids[-1], "ids": ids, "cases": known}


def of_library(model, lines):
    """What SentencePiece's own library makes of the odd lines: hashes of ids and of the text back."""
    processor = sentencepiece.SentencePieceProcessor(model_file=str(model))
    ids = [processor.encode(line) for line in lines]
    return {"ids": [fnv1a(" ".join(map(str, row))) for row in ids],
            "texts": [fnv1a(processor.decode(row)) for row in ids],
            "whole": ids[:8]}


def byte_config():
    """The tokenizer_config.json that stands for ByT5 where there is none: transformers loads it."""
    config = {"tokenizer_class": "ByT5Tokenizer", "extra_ids": 125, "eos_token": "</s>",
              "pad_token": "<pad>", "unk_token": "<unk>"}
    with tempfile.TemporaryDirectory() as name:
        (pathlib.Path(name) / "tokenizer_config.json").write_text(json.dumps(config))
        loaded = AutoTokenizer.from_pretrained(name)
    assert isinstance(loaded, ByT5Tokenizer) and len(loaded) == 384
    assert all(loaded(text).input_ids == ByT5Tokenizer()(text).input_ids for text in BYTE_TEXTS)
    return config


def byte_cases():
    tokenizer = ByT5Tokenizer()
    rng = random.Random(7)
    decode = []
    for _ in range(150):
        ids = [rng.choice([rng.randint(3, 258), rng.randint(3, 258), rng.randint(0x80, 0xFF) + 3,
                           rng.choice([0xE2, 0xED, 0xF0, 0xF4]) + 3, rng.randint(0x20, 0x7E) + 3,
                           rng.randint(259, 383)]) for _ in range(rng.randint(1, 14))]
        decode.append({"ids": ids, "text": tokenizer.decode(ids)})
    return {"config": byte_config(), "size": len(tokenizer),
            "sentinels": [tokenizer.convert_tokens_to_ids(f"<extra_id_{n}>") for n in range(125)],
            "encode": [{"text": t, "ids": tokenizer(t).input_ids[:-1]} for t in BYTE_TEXTS],
            "decode": decode}


def main():
    umt5, mt5 = HERE / "umt5.model", HERE / "mt5.model"
    train_umt5(umt5)
    add_pieces(umt5, mt5)
    # mT5's pieces are found as "▁<extra_id_n>": at the beginning of a word.
    golden = {
        "families": {
            "spiece": family(HERE / "spiece.model", {}, 100),
            "umt5": family(umt5, {"extra_ids": 300}, 300),
            "mt5": family(mt5, {"extra_ids": 0, "additional_special_tokens": None}, 100),
        },
        "bytes": byte_cases(),
    }
    lines = odd_lines()
    golden["odd"] = {"lines": lines, "spiece": of_library(HERE / "spiece.model", lines),
                     "mt5": of_library(mt5, lines)}
    text = json.dumps(golden, ensure_ascii=False, separators=(",", ":"))
    (HERE / "families_golden.json").write_text(text.replace('},{', '},\n{') + "\n")


if __name__ == "__main__":
    main()
