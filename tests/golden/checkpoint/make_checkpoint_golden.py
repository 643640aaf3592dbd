#!/usr/bin/env python3
"""Makes tiny T5 folders as transformers writes them (one file, shards) and expected.json: what transformers holds after
loading them. Run with the pinned environment's python (scripts/setup --peers)."""
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
    loaded = T5ForConditionalGeneration.from_pretrained(folder)
    sums = {key: tensor.double().sum().item() for key, tensor in loaded.state_dict().items()}
    return {
        "scale_decoder_outputs": loaded.config.scale_decoder_outputs,
        "head_is_embedding": bool(torch.equal(loaded.lm_head.weight, loaded.shared.weight)),
        "parameters": sum(parameter.numel() for parameter in loaded.parameters()),
        "dtype": str(loaded.shared.weight.dtype).removeprefix("torch."),
        "sums": {key: value for key, value in sums.items() if "embed_tokens" not in key},
    }


def main() -> None:
    expected = {
        "v1_0": make("v1_0", True, torch.float32, None),
        "v1_1": make("v1_1", False, torch.float32, None),
        "v1_1_bf16_shards": make("v1_1_bf16_shards", False, torch.bfloat16, "3KB"),
    }
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
