#!/usr/bin/env python3
"""Makes tiny T5 folders as transformers writes them (one file, shards; T5 1.0, 1.1, mT5, umT5) and expected.json: what
transformers holds after loading them. Run with the pinned environment's python (scripts/setup --peers), once as it is
(transformers 5) and once with PYTHONPATH=ENVIRONMENT/transformers4. The run with 5 also makes the same models as
torch.save writes them, as older transformers did (an archive, the legacy format, shards)."""
import json
import pathlib
import shutil

import torch
import transformers
from transformers import (MT5Config, MT5ForConditionalGeneration, T5Config, T5ForConditionalGeneration, UMT5Config,
                          UMT5ForConditionalGeneration)

MAJOR = transformers.__version__.split(".")[0]
HERE = pathlib.Path(__file__).parent / f"transformers{MAJOR}"
CLASSES = {"t5": (T5Config, T5ForConditionalGeneration), "mt5": (MT5Config, MT5ForConditionalGeneration),
           "umt5": (UMT5Config, UMT5ForConditionalGeneration)}


def make(name: str, family: str, tied: bool, dtype: torch.dtype, shard: str | None) -> dict:
    torch.manual_seed(3)
    config_class, model_class = CLASSES[family]
    config = config_class(vocab_size=24, d_model=8, d_kv=4, d_ff=12, num_layers=1, num_decoder_layers=2, num_heads=2,
                          relative_attention_num_buckets=8, relative_attention_max_distance=16, dropout_rate=0.0,
                          feed_forward_proj="relu" if tied else "gated-gelu", tie_word_embeddings=tied,
                          decoder_start_token_id=0)
    model = model_class(config)
    if not tied:  # transformers 5 builds every T5 tied
        model.lm_head.weight = torch.nn.Parameter(torch.randn(24, 8))
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    model.to(dtype).save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
    return describe(folder, family)


def describe(folder: pathlib.Path, family: str = "t5") -> dict:
    loaded = CLASSES[family][1].from_pretrained(folder, **({"torch_dtype": "auto"} if MAJOR == "4" else {}))
    sums = {key: tensor.double().sum().item() for key, tensor in loaded.state_dict().items()}
    return {
        "tied": bool(torch.equal(loaded.lm_head.weight, loaded.shared.weight)),
        "parameters": sum(parameter.numel() for parameter in loaded.parameters()),
        "dtype": str(loaded.shared.weight.dtype).removeprefix("torch."),
        "sums": {key: value for key, value in sums.items() if "embed_tokens" not in key},
    }


def pickled_folder(name: str, source: str) -> tuple[pathlib.Path, dict]:
    """The source's folder without its weights, and its state dict: tied tensors under all their names."""
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(HERE / source, folder, ignore=shutil.ignore_patterns("*.safetensors", "*.index.json"))
    return folder, T5ForConditionalGeneration.from_pretrained(HERE / source).state_dict()


def make_archive(name: str, source: str) -> dict:
    folder, state = pickled_folder(name, source)
    torch.save(state, folder / "pytorch_model.bin")
    return describe(folder)


def make_legacy(name: str, source: str) -> dict:
    """Matrices lie transposed in memory, as they did after a conversion from TensorFlow."""
    folder, state = pickled_folder(name, source)
    for key, tensor in state.items():
        if tensor.dim() == 2 and "SelfAttention" in key:
            state[key] = tensor.t().contiguous().t()
    torch.save(state, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    return describe(folder)


def make_shards(name: str, source: str) -> dict:
    folder, state = pickled_folder(name, source)
    places = {key: f"pytorch_model-0000{1 + i % 2}-of-00002.bin" for i, key in enumerate(state)}
    for file in sorted(set(places.values())):
        torch.save({key: tensor for key, tensor in state.items() if places[key] == file}, folder / file)
    size = sum(tensor.nbytes for tensor in state.values())
    index = {"metadata": {"total_size": size}, "weight_map": places}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=1) + "\n")
    return describe(folder)


def main() -> None:
    expected = {
        "v1_0": make("v1_0", "t5", True, torch.float32, None),
        "v1_1": make("v1_1", "t5", False, torch.float32, None),
        "v1_1_bf16_shards": make("v1_1_bf16_shards", "t5", False, torch.bfloat16, "3KB"),
        "mt5": make("mt5", "mt5", False, torch.float32, None),
        "umt5": make("umt5", "umt5", False, torch.float16, None),
    }
    if MAJOR == "5":
        expected["v1_0_archive"] = make_archive("v1_0_archive", "v1_0")
        expected["v1_1_legacy"] = make_legacy("v1_1_legacy", "v1_1")
        expected["v1_1_bf16_pickled_shards"] = make_shards("v1_1_bf16_pickled_shards", "v1_1_bf16_shards")
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
