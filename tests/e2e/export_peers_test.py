#!/usr/bin/env python3
"""Exports checked against stock software, in transformers 5 and in transformers 4: for T5 1.0, T5 1.1, mT5, umT5 and ByT5

- models that transformers wrote are scored as transformers scores them;
- the expanded folder gives transformers the losses that `regroup score` gives for the grouped one;
- the compact folder does so through its Python class (trust_remote_code): padded batches, greedy and beam search with
  caches of G heads, saved and loaded again;
- CTranslate2 decodes the expanded folder as `regroup generate` decodes the grouped one.

Needs the pinned Python environment (scripts/setup --peers); exit code 77 (skipped) without it.
"""
import json
import os
import subprocess
import sys
import tempfile

BINARY = os.environ.get("REGROUP_BINARY", "")
TOLERANCE = 1e-5
MOST = 24  # generated tokens


def run_in_both_versions():
    """This file again, by the environment's Python: with its own transformers (5), then with transformers 4."""
    python = os.environ.get("REGROUP_PEERS_PYTHON")
    if not python:
        print("skipped: no Python environment (scripts/setup --peers)")
        sys.exit(77)
    four = os.path.join(os.path.dirname(os.path.dirname(python)), "transformers4")
    for path in ("", four):
        with tempfile.TemporaryDirectory() as modules:  # where transformers copies the folders' Python code
            environment = os.environ | {"PYTHONPATH": path, "HF_MODULES_CACHE": modules, "HF_HUB_OFFLINE": "1"}
            subprocess.run([python, __file__, "worker", "4" if path else "5"], env=environment, check=True)


def regroup(*arguments):
    done = subprocess.run([BINARY, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"regroup {' '.join(arguments)}: exit {done.returncode}\n{done.stderr}"
    return done.stdout


# ---------------------------------------------------------------------------------------- in the environment

def classes(family):
    import transformers
    family = "T5" if family == "ByT5" else family
    return getattr(transformers, family + "Config"), getattr(transformers, family + "ForConditionalGeneration")


def train_vocabulary(folder):
    """A SentencePiece model of 200 pieces, which CTranslate2's converter asks for; returns its size with sentinels."""
    import sentencepiece
    with open(os.path.join(folder, "text.txt"), "w") as text:
        text.writelines(f"{a} {b} heads of {c} wait\n" for a in ("keys", "values", "a few", "many", "grouped")
                        for b in ("and", "or", "with", "near", "under") for c in ("models", "layers", "people", "words"))
    sentencepiece.SentencePieceTrainer.train(
        input=os.path.join(folder, "text.txt"), model_prefix=os.path.join(folder, "spiece"), vocab_size=80,
        hard_vocab_limit=False, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, minloglevel=2)
    processor = sentencepiece.SentencePieceProcessor(model_file=os.path.join(folder, "spiece.model"))
    return processor.vocab_size() + 100


def make_parent(folder, family, tied, vocabulary, vocab_size, layers=(3, 2)):
    import shutil

    import torch
    config_class, model_class = classes(family)
    torch.manual_seed(5)
    config = config_class(vocab_size=vocab_size, d_model=32, d_kv=8, d_ff=48, num_layers=layers[0],
                          num_decoder_layers=layers[1], num_heads=8, feed_forward_proj="relu" if tied else "gated-gelu", tie_word_embeddings=tied,
                          decoder_start_token_id=0, dropout_rate=0.0)
    model = model_class(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "Attention" in name:
                weight.mul_(1.5)
        if not tied:  # transformers 5 builds every T5 tied: give the head a tensor of its own
            model.lm_head.weight = torch.nn.Parameter(torch.randn(vocab_size, 32))
    model.save_pretrained(folder)
    if family == "ByT5":  # recognized by its 384 ids without a SentencePiece model
        return
    shutil.copy(os.path.join(vocabulary, "spiece.model"), folder)
    with open(os.path.join(folder, "tokenizer_config.json"), "w") as out:
        json.dump({"tokenizer_class": "T5Tokenizer", "extra_ids": 100}, out)


def make_rows(path, vocab_size):
    import random
    draw = random.Random(11)
    rows = []
    for source, target in [(1, 1), (7, 3), (40, 12), (150, 20), (5, 30)]:
        rows.append({"input_ids": [draw.randrange(1, vocab_size) for _ in range(source)],
                     "target_ids": [draw.randrange(1, vocab_size) for _ in range(target)]})
    with open(path, "w") as out:
        out.writelines(json.dumps(row) + "\n" for row in rows)
    return rows


def padded(lists, fill):
    import torch
    width = max(map(len, lists))
    return torch.tensor([row + [fill] * (width - len(row)) for row in lists])


def check_bytes(folder, model):
    """Text rows of a byte model against transformers' ByT5Tokenizer."""
    from transformers import ByT5Tokenizer
    texts = [("Häuser & <extra_id_0> heads", "two ü"), ("a", ""), ("日本\u0301\x00 x", "<extra_id_124>")]
    data = folder + ".text.jsonl"
    with open(data, "w") as out:
        out.writelines(json.dumps({"input": source, "target": target}) + "\n" for source, target in texts)
    tokenizer = ByT5Tokenizer()
    rows = [{"input_ids": tokenizer(source).input_ids, "target_ids": tokenizer(target).input_ids}
            for source, target in texts]
    assert worst(regroup_losses(folder, data), losses_of(model, rows)) <= TOLERANCE


def losses_of(model, rows):
    """Summed loss of each row, all rows in one padded batch."""
    import torch
    source, target = padded([row["input_ids"] for row in rows], 0), padded([row["target_ids"] for row in rows], -100)
    mask = padded([[1] * len(row["input_ids"]) for row in rows], 0)
    with torch.no_grad():
        logits = model(input_ids=source, attention_mask=mask, labels=target).logits.double()
    log_p = torch.log_softmax(logits, -1).gather(-1, target.clamp_min(0)[..., None])[..., 0]
    return torch.where(target >= 0, -log_p, 0.0).sum(1).tolist()


def generated(model, rows, **how):
    """Ids of each row without start and padding, from one padded batch, and the caches of the last step."""
    source, mask = padded([row["input_ids"] for row in rows], 0), padded([[1] * len(row["input_ids"]) for row in rows], 0)
    out = model.generate(input_ids=source, attention_mask=mask, max_new_tokens=MOST, do_sample=False,
                         return_dict_in_generate=True, **how)
    ids = [row[1:].tolist() for row in out.sequences]
    return [row[:row.index(1) + 1] if 1 in row else row for row in ids], out.past_key_values


def regroup_losses(folder, data):
    lines = regroup("score", "--model", folder, "--data", data, "--per-row", "--json").splitlines()
    return [json.loads(line)["loss_sum"] for line in lines]


def regroup_ids(folder, data, beams=1):
    lines = regroup("generate", "--model", folder, "--data", data, "--max-length", str(MOST), "--beams", str(beams),
                    "--json").splitlines()
    return [json.loads(line)["output_ids"] for line in lines]


def worst(ours, theirs):
    assert len(ours) == len(theirs) > 0
    return max(abs(a - b) / max(abs(b), 1e-6) for a, b in zip(ours, theirs))


def load_compact(folder):
    from transformers import AutoModelForSeq2SeqLM
    return AutoModelForSeq2SeqLM.from_pretrained(folder, trust_remote_code=True).eval()


def check_compact(folder, rows, grouped_losses, plain, again):
    """The Python class of the compact export; `plain` is the expanded export in stock transformers."""
    compact = load_compact(folder)
    assert type(compact).__module__.endswith("modeling_regroup_t5")
    loss = worst(losses_of(compact, rows), grouped_losses)
    for how in ({"num_beams": 1}, {"num_beams": 4}):
        ids, cache = generated(compact, rows, **how)
        assert ids == generated(plain, rows, **how)[0], how
        for stored, site in ((cache.self_attention_cache, "decoder_self"), (cache.cross_attention_cache, "cross")):
            used = [layer for layer in stored.layers if layer.keys is not None]
            held = compact.config.kv_heads[site]  # G, or G of each layer; never the query heads
            wanted = held if isinstance(held, list) else [held] * compact.config.num_decoder_layers
            assert all(heads < compact.config.num_heads for heads in wanted), wanted
            assert [layer.keys.shape[1] for layer in used] == [layer.values.shape[1] for layer in used] == wanted, site
        if how["num_beams"] == 1:
            assert all(cache.self_attention_cache.layers[0].keys.shape[2] >= len(row) - 1 for row in ids)
    compact.save_pretrained(again)
    assert os.path.exists(os.path.join(again, "modeling_regroup_t5.py"))
    assert worst(losses_of(load_compact(again), rows), grouped_losses) <= TOLERANCE
    assert worst(regroup_losses(again, os.path.join(os.path.dirname(again), "rows.jsonl")), grouped_losses) <= TOLERANCE
    return loss


def in_ctranslate2(folder, rows):
    """(greedy ids, summed losses of the targets with EOS) of the converted folder."""
    import ctranslate2
    from ctranslate2.converters import TransformersConverter
    TransformersConverter(folder).convert(folder + "-ct2")
    translator = ctranslate2.Translator(folder + "-ct2", inter_threads=1, intra_threads=1)
    with open(os.path.join(folder + "-ct2", "shared_vocabulary.json")) as file:
        pieces = json.load(file)
    number = {piece: i for i, piece in enumerate(pieces)}
    sources = [[pieces[i] for i in row["input_ids"]] for row in rows]
    results = translator.translate_batch(sources, beam_size=1, max_decoding_length=MOST, return_end_token=True)
    scored = translator.score_batch(sources, [[pieces[i] for i in row["target_ids"]] for row in rows])  # adds EOS
    return ([[number[piece] for piece in result.hypotheses[0]] for result in results],
            [-sum(result.log_probs) for result in scored])


def check_ctranslate2(paths, rows, tied, version):
    """Both of its converters' readings: the expanded folder under transformers 4, --for ctranslate2 under 5."""
    with_end = paths["rows"] + ".end.jsonl"
    with open(with_end, "w") as out:
        out.writelines(json.dumps(row | {"target_ids": row["target_ids"] + [1]}) + "\n" for row in rows)
    losses = regroup_losses(paths["grouped"], with_end)
    regroup("export", "--from", paths["grouped"], "--to", paths["ct2"], "--for", "ctranslate2")
    right, wrong = ("ct2", "expanded") if version == "5" else ("expanded", "ct2")
    ids, found = in_ctranslate2(paths[right], rows)
    assert ids == regroup_ids(paths["grouped"], paths["rows"])
    assert worst(losses, found) <= TOLERANCE, worst(losses, found)
    if not tied:  # the control: the other folder is scaled wrongly
        assert os.path.exists(os.path.join(paths["ct2"], "README.md"))
        assert worst(losses, in_ctranslate2(paths[wrong], rows)[1]) > 0.01
    return worst(losses, found)


def convert(parent, grouped, everywhere):
    """By the command; `everywhere` the encoder too and each layer with its own number, which a recipe can say."""
    if not everywhere:
        regroup("convert", "--from", parent, "--to", grouped, "--kv-heads", "decoder_self=2,cross=1")
        return
    out = os.path.dirname(grouped)
    recipe = os.path.join(out, "recipe.yaml")
    with open(recipe, "w") as file:
        file.write(f"name: convert\nstages: {{grouped: {{convert: {{from: {parent}, "
                   "kv_heads: {encoder_self: 4, decoder_self: [1, 4], cross: [2, 1]}}}}\n")
    regroup("run", recipe, "--out", os.path.join(out, "run"))
    os.rename(os.path.join(out, "run", "grouped", "model"), grouped)


def check(family, tied, version, folder, vocabulary, vocab_size):
    vocab_size = 384 if family == "ByT5" else vocab_size
    paths = {key: os.path.join(folder, key) for key in ("parent", "grouped", "expanded", "compact", "again", "ct2")}
    paths["rows"] = os.path.join(folder, "rows.jsonl")
    rows = make_rows(paths["rows"], vocab_size)
    make_parent(paths["parent"], family, tied, vocabulary, vocab_size)
    stock = classes(family)[1]
    umt5_of_5 = family == "UMT5" and not tied and version == "5"  # which scales where T5X and transformers 4 do not
    convert(paths["parent"], paths["grouped"], everywhere=family == "T5" and not tied)
    regroup("export", "--from", paths["grouped"], "--to", paths["expanded"], "--expand-kv")
    regroup("export", "--from", paths["grouped"], "--to", paths["compact"])
    grouped = regroup_losses(paths["grouped"], paths["rows"])
    plain = stock.from_pretrained(paths["expanded"]).eval()
    if umt5_of_5:
        assert worst(grouped, losses_of(plain, rows)) > 1e-3
        plain.config.tie_word_embeddings = False
    parent = stock.from_pretrained(paths["parent"]).eval()
    parent.config.tie_word_embeddings = tied if umt5_of_5 else parent.config.tie_word_embeddings
    parent_loss = worst(regroup_losses(paths["parent"], paths["rows"]), losses_of(parent, rows))
    expanded_loss = worst(grouped, losses_of(plain, rows))
    compact_loss = check_compact(paths["compact"], rows, grouped, plain, paths["again"])
    assert regroup_ids(paths["grouped"], paths["rows"]) == generated(plain, rows)[0]
    if family == "ByT5":
        check_bytes(paths["parent"], parent)
    in_ct2 = check_ctranslate2(paths, rows, tied, version) if family in ("T5", "MT5") else None
    # The control: the parent is another function than its grouped child.
    control = worst(regroup_losses(paths["parent"], paths["rows"]), grouped)
    print(f"transformers {version}, {family} {'tied' if tied else 'untied'}: parent {parent_loss:.1e}, expanded "
          f"{expanded_loss:.1e}, compact {compact_loss:.1e}{f', CTranslate2 {in_ct2:.1e}' if in_ct2 else ''}, control {control:.1e}", flush=True)
    assert max(parent_loss, expanded_loss, compact_loss) <= TOLERANCE
    assert control > 1e-3


def check_deep_decoder(version, folder, vocabulary, vocab_size):
    """A decoder that is deeper than the encoder: stock caches have too few layers for it, those of the compact class not."""
    parent, grouped, compact = (os.path.join(folder, name) for name in ("parent", "grouped", "compact"))
    rows = make_rows(os.path.join(folder, "rows.jsonl"), vocab_size)
    make_parent(parent, "T5", True, vocabulary, vocab_size, layers=(1, 4))
    regroup("convert", "--from", parent, "--to", grouped, "--kv-heads", "2")
    regroup("export", "--from", grouped, "--to", compact)
    model = load_compact(compact)
    for beams in (1, 4):
        ids, cache = generated(model, rows, num_beams=beams)
        assert ids == regroup_ids(grouped, os.path.join(folder, "rows.jsonl"), beams), beams
        assert [layer.keys.shape[1] for layer in cache.self_attention_cache.layers] == [2] * 4
    print(f"transformers {version}, T5 of 1 and 4 layers: ids equal", flush=True)


def worker(version):
    import transformers
    assert transformers.__version__.startswith(version + "."), transformers.__version__
    with tempfile.TemporaryDirectory() as vocabulary:
        vocab_size = train_vocabulary(vocabulary)
        for family, tied in (("T5", True), ("T5", False), ("MT5", False), ("UMT5", False), ("UMT5", True), ("ByT5", False)):
            with tempfile.TemporaryDirectory() as folder:
                check(family, tied, version, folder, vocabulary, vocab_size)
        with tempfile.TemporaryDirectory() as folder:
            check_deep_decoder(version, folder, vocabulary, vocab_size)


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        worker(sys.argv[2])
    else:
        run_in_both_versions()
