"""Tiny random language models of many families of transformers."""

import inspect

import torch
from torch import nn
from transformers import CONFIG_MAPPING, AutoModelForCausalLM

SMALL = {
    "vocab_size": 97,
    "hidden_size": 64,
    "intermediate_size": 48,
    "moe_intermediate_size": 16,
    "shared_expert_intermediate_size": 16,
    "ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "encoder_ffn_dim": 48,
    "n_inner": 48,
    "num_hidden_layers": 2,
    "num_layers": 2,
    "decoder_layers": 2,
    "encoder_layers": 2,
    "num_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_attention_heads": 4,
    "num_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "d_model": 64,
    "max_position_embeddings": 64,
    "sliding_window": 6,
    "num_experts": 4,
    "num_local_experts": 4,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "n_group": 1,
    "topk_group": 1,
    "first_k_dense_replace": 1,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "initializer_range": 0.3,
    "hidden_size_per_layer_input": 8,
    "vocab_size_per_layer_input": 97,
    "word_embed_proj_dim": 64,
    "kv_lora_rank": 16,
    "q_lora_rank": 16,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 8,
    "v_head_dim": 16,
}
"""Settings by the name that a configuration gives them; those that it does not have are left out."""

LATENT = {"num_key_value_heads": 4}
"""Latent attention has as many key-value heads as query heads."""


def build(family: str, **settings) -> nn.Module:
    """A language model of two layers with large weights, in evaluation mode."""
    config = CONFIG_MAPPING[family]
    fields = set(inspect.signature(config.__init__).parameters) | set(config.__dataclass_fields__)
    names = fields | set(config.attribute_map)
    own = {name: value for name, value in SMALL.items() if name in names}
    if "kv_lora_rank" in fields:
        own |= LATENT
    # A field with two names is given once.
    own = {name: value for name, value in own.items() if config.attribute_map.get(name) not in own}
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config(**(own | settings))).eval()
