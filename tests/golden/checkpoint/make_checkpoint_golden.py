#!/usr/bin/env python3
"""Makes tiny T5 folders as transformers writes them (one file, shards) and the same models as torch.save writes them, as
older transformers did (an archive, the legacy format, shards), and expected.json: what transformers holds after loading
them. Run with the pinned environment's python (scripts/setup --peers)."""
import json
import pathlib
import shutil

import torch
from transformers import T5Config, T5ForConditionalGeneration

HERE = pathlib.Path(__file__).parent


def make(name: str, tied: bool, dtype: torch.dtype, shard: str | None) -> dict:
    torch.manual_seed(3)
    config = T5Config(vocab_size=24, d_model=8, d_kv=4, d_ff=12, num_layers=1, num_decoder_layers=2, num_heads=2,
                      relative_attention_num_buckets=8, relative_attention_max_distance=16, dropout_rate=0.0,
                      feed_forward_proj="relu" if tied else "gated-gelu", tie_word_embeddings=tied,
                      decoder_start_token_id=0)
    model = T5ForConditionalGeneration(config)
    if not tied:
        model.lm_head.weight = torch.nn.Parameter(torch.randn(24, 8))
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    model.to(dtype).save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
    return describe(folder)


def describe(folder: pathlib.Path) -> dict:
    loaded = T5ForConditionalGeneration.from_pretrained(folder)
    sums = {key: tensor.double().sum().item() for key, tensor in loaded.state_dict().items()}
    return {
        "scale_decoder_outputs": loaded.config.scale_decoder_outputs,
        "head_is_embedding": bool(torch.equal(loaded.lm_head.weight, loaded.shared.weight)),
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
        "v1_0": make("v1_0", True, torch.float32, None),
        "v1_1": make("v1_1", False, torch.float32, None),
        "v1_1_bf16_shards": make("v1_1_bf16_shards", False, torch.bfloat16, "3KB"),
        "v1_0_archive": make_archive("v1_0_archive", "v1_0"),
        "v1_1_legacy": make_legacy("v1_1_legacy", "v1_1"),
        "v1_1_bf16_pickled_shards": make_shards("v1_1_bf16_pickled_shards", "v1_1_bf16_shards"),
    }
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
