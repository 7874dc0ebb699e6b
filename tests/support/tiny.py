"""Language models and a text small enough to train in a test."""

import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from gaincell.cosim.network.corpus import Corpus

SENTENCE = b"The quick brown fox jumps over the lazy dog, and the dog sleeps on. "
CONTEXT = 24


def network(seed: int = 0, *, dropout: float = 0.0) -> GPT2LMHeadModel:
    """Byte-level GPT-2 of two layers with two heads of 16, context 24."""
    torch.manual_seed(seed)
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=256,
            n_positions=CONTEXT,
            n_embd=32,
            n_layer=2,
            n_head=2,
            embd_pdrop=dropout,
            resid_pdrop=dropout,
            attn_pdrop=0.0,
            bos_token_id=0,
            eos_token_id=0,
        )
    )


def llama(context: int) -> LlamaForCausalLM:
    """Llama of two layers, four heads on two key-value heads, with weights so large that tokens vary."""
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context,
        initializer_range=0.3,
        pad_token_id=0,
    )
    return LlamaForCausalLM(config).eval()


def corpus() -> Corpus:
    """One sentence, repeated 40 times to train on and 4 times held out."""
    return Corpus(SENTENCE * 40 + b"\0", SENTENCE * 4 + b"\0", 1, 1, "3.x")
