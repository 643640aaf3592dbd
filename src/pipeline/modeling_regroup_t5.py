# Copyright 2026 The regroup authors. Licensed under the Apache License, Version 2.0.
"""A grouped-query (GQA) or multi-query (MQA) T5 for Hugging Face transformers, written by `regroup export`.

Load it with trust_remote_code:

    AutoModelForSeq2SeqLM.from_pretrained(FOLDER, trust_remote_code=True)

The number of key/value heads G of each attention stands in `config.kv_heads`. Query head j reads key/value head
j // (num_heads / G). Caches hold G heads; keys and values are never expanded. Works with transformers 4.57 and 5.
"""

import inspect

import torch
from torch import nn
from transformers import MT5Config, T5Config, T5ForConditionalGeneration, UMT5Config, UMT5ForConditionalGeneration
from transformers.cache_utils import DynamicCache, EncoderDecoderCache
from transformers.models.t5.modeling_t5 import T5Attention
from transformers.models.umt5.modeling_umt5 import UMT5Attention

# transformers 5 counts past tokens, returns attention weights always and keeps the mask apart from the bias.
_VERSION_5 = "past_seen_tokens" in inspect.signature(T5Attention.compute_bias).parameters


class _GroupedAttention:
    """The forward pass of T5's and umT5's attention with `self.kv_heads` key/value heads. Mixed into their classes."""

    def forward(self, hidden_states, **given):
        batch, queries = hidden_states.shape[:2]
        source = given.get("key_value_states", given.get("encoder_hidden_states"))
        mask = given.get("mask", given.get("attention_mask"))
        cache = given.get("past_key_values")
        past = 0 if cache is None or source is not None else cache.get_seq_length(self.layer_idx)
        past = past.clone() if isinstance(past, torch.Tensor) else past  # a static cache counts in place
        key, value = self._keys_and_values(hidden_states if source is None else source, source is not None, cache, given)
        position_bias = given.get("position_bias")
        if position_bias is None:
            position_bias = self._bias(queries, key, past)

        query = self._split(self.q(hidden_states), self.kv_heads)  # [b, g, r, q, e]
        scores = torch.matmul(query, key.unsqueeze(2).transpose(3, 4)).flatten(1, 2)  # [b, h, q, k]
        scores = scores + position_bias
        if mask is not None:
            scores = scores + mask[:, :, :, : key.shape[-2]]
        weights = nn.functional.softmax(scores.float(), dim=-1).type_as(scores)
        weights = nn.functional.dropout(weights, p=self.dropout, training=self.training)
        if given.get("layer_head_mask") is not None:
            weights = weights * given["layer_head_mask"]
        context = torch.matmul(weights.unflatten(1, (self.kv_heads, -1)), value.unsqueeze(2))
        output = self.o(context.flatten(1, 2).transpose(1, 2).reshape(batch, queries, self.inner_dim))
        return self._returned(output, position_bias, weights, given)

    def _split(self, projected, groups):
        """[b, n, heads * e] -> [b, groups, heads / groups, n, e]."""
        heads = projected.unflatten(-1, (groups, -1, self.key_value_proj_dim))
        return heads.permute(0, 2, 3, 1, 4)

    def _keys_and_values(self, states, is_cross, cache, given):
        """[b, g, k, e] each, through the cache if there is one."""
        layers = cache
        if isinstance(cache, EncoderDecoderCache):
            layers = cache.cross_attention_cache if is_cross else cache.self_attention_cache
            if is_cross and cache.is_updated.get(self.layer_idx):
                return layers.layers[self.layer_idx].keys, layers.layers[self.layer_idx].values
        key = self._split(self.k(states), self.kv_heads).squeeze(2)
        value = self._split(self.v(states), self.kv_heads).squeeze(2)
        if cache is None:
            return key, value
        where = {} if _VERSION_5 or is_cross else {"cache_position": given.get("cache_position")}
        key, value = layers.update(key, value, self.layer_idx, where)
        if is_cross and isinstance(cache, EncoderDecoderCache):
            cache.is_updated[self.layer_idx] = True
        return key, value

    def _bias(self, queries, key, past):
        keys = key.shape[-2]
        if not self.has_relative_attention_bias:
            bias = torch.zeros((1, self.n_heads, queries, keys), device=key.device, dtype=key.dtype)
            bias.requires_grad = self.training and getattr(self, "gradient_checkpointing", False)
            return bias
        if _VERSION_5:
            return self.compute_bias(queries, keys, device=key.device, past_seen_tokens=past)
        positions = torch.arange(queries, device=key.device) + past
        return self.compute_bias(queries, keys, device=key.device, cache_position=positions)

    def _returned(self, output, position_bias, weights, given):
        if isinstance(self, UMT5Attention):
            return output, weights
        if _VERSION_5 or given.get("output_attentions"):
            return output, position_bias, weights
        return output, position_bias


class GroupedT5Attention(_GroupedAttention, T5Attention):
    pass


class GroupedUMT5Attention(_GroupedAttention, UMT5Attention):
    pass


def _regroup(attention, kv_heads):
    """Turns a multi-head attention into a grouped one with fresh key and value projections."""
    attention.__class__ = GroupedUMT5Attention if isinstance(attention, UMT5Attention) else GroupedT5Attention
    attention.kv_heads = kv_heads
    for name in ("k", "v"):
        setattr(attention, name, nn.Linear(attention.d_model, kv_heads * attention.key_value_proj_dim, bias=False))


class _Grouped:
    """Builds the stock model, then regroups its attentions."""

    _auto_class = "AutoModelForSeq2SeqLM"  # save_pretrained copies this file too
    _supports_sdpa = False  # one attention, written out above
    _supports_flex_attn = False

    def __init__(self, config, *args, **kwargs):
        if not _VERSION_5:  # a config that transformers 5 saved says "tied" of every T5; this flag tells the truth
            config.tie_word_embeddings = getattr(config, "scale_decoder_outputs", config.tie_word_embeddings)
        super().__init__(config, *args, **kwargs)
        heads = config.kv_heads
        for layer, block in enumerate(self.encoder.block):
            _regroup(block.layer[0].SelfAttention, self._at(heads["encoder_self"], layer))
        for layer, block in enumerate(self.decoder.block):
            _regroup(block.layer[0].SelfAttention, self._at(heads["decoder_self"], layer))
            _regroup(block.layer[1].EncDecAttention, self._at(heads["cross"], layer))

    def _prepare_cache_for_generation(self, generation_config, model_kwargs, *args, **kwargs):
        """Caches that grow with the decoder's layers: stock ones have as many as the encoder has."""
        wanted = generation_config.use_cache is not False and generation_config.cache_implementation is None
        if wanted and model_kwargs.get("past_key_values") is None:
            model_kwargs["past_key_values"] = EncoderDecoderCache(DynamicCache(), DynamicCache())
        return super()._prepare_cache_for_generation(generation_config, model_kwargs, *args, **kwargs)

    @staticmethod
    def _at(heads, layer):
        return heads[layer] if isinstance(heads, (list, tuple)) else heads


class RegroupT5ForConditionalGeneration(_Grouped, T5ForConditionalGeneration):
    config_class = T5Config


class RegroupMT5ForConditionalGeneration(_Grouped, T5ForConditionalGeneration):
    config_class = MT5Config  # mT5 is T5 1.1 with another vocabulary


class RegroupUMT5ForConditionalGeneration(_Grouped, UMT5ForConditionalGeneration):
    config_class = UMT5Config

    def __init__(self, config, *args, **kwargs):
        super().__init__(config, *args, **kwargs)
        if _VERSION_5 and not getattr(config, "scale_decoder_outputs", True):
            # transformers 5 scales the decoder output of every umT5; one with a head of its own is not scaled.
            self.lm_head.register_forward_pre_hook(lambda head, inputs: (inputs[0] * config.d_model**0.5,))
