"""Text generation on hardware with a key-value cache: one decode step per token, as on a chip."""

from __future__ import annotations

import time
from shlex import quote
from typing import Any

import torch
from torch import nn

from ...circuits.errors import ModelError
from ...models import Hardware
from ..attention.effects import STANDARD, Effects
from .adapters import load_adapted
from .checkpoints import Checkpoint, load_softmax, tokenizer_of
from .compute import FLOAT32, Compute
from .kv_cache import level_cache
from .layer import gain_cell_layers, put_on_chip
from .tokenizer import Tokenizer


@torch.no_grad()
def generate_text(
    checkpoint: Checkpoint,
    prompt: str,
    *,
    hardware: Hardware | None = None,
    max_new_tokens: int = 200,
    temperature: float = 0.8,
    seed: int = 0,
    effects: Effects = STANDARD,
    compute: Compute = FLOAT32,
    chip: int | None = None,
) -> dict[str, Any]:
    """Continue a prompt until one of the network's stop tokens or the model's longest context.

    Args:
        checkpoint: parts of a MODEL.
        prompt: text to continue.
        hardware: hardware to run on; None: the one that the model was adapted to; of kind "softmax": the
            pre-trained network with exact attention.
        max_new_tokens: longest continuation, tokens.
        temperature: of sampling; 0 takes the likeliest token.
        seed: of sampling.
        effects: non-idealities of the hardware.
        compute: device and precision. One token at a time gains nothing from bfloat16 products on a CPU.
        chip: seed of the chip to run on; None: nominal circuits.

    Returns:
        JSON-able values: "text" (prompt and continuation) and conditions.

    Raises:
        ModelError: the prompt is empty or leaves no room, or the model has not been adapted.
        HardwareError: a chip of hardware that describes no mismatch.
    """
    model = _model(checkpoint, hardware, effects).to(compute.device)
    if chip is not None:
        put_on_chip(model, (hardware or _hardware(model)).chip(chip))
    tokenizer = tokenizer_of(checkpoint, model.config.vocab_size)
    ids = tokenizer.encode(prompt)[None].to(compute.device)
    longest = model.config.max_position_embeddings
    room = longest - ids.shape[1]
    if not ids.shape[1] or room < 1:
        raise ModelError(f"the prompt has {ids.shape[1]} tokens; give between 1 and {longest - 1}")
    torch.manual_seed(seed)
    sampling = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
    own, stops = model.generation_config, stop_tokens(model, tokenizer)
    start = time.perf_counter()
    with compute.autocast():
        out = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=min(max_new_tokens, room),
            eos_token_id=stops,
            pad_token_id=own.pad_token_id if own.pad_token_id is not None or not stops else stops[0],
            **level_cache(model),
            **sampling,
        )[0]
    new = out[ids.shape[1] :].cpu()
    if len(new) and int(new[-1]) in (stops or ()):
        new = new[:-1]
    return {
        "model": checkpoint.name,
        "hardware": _hardware(model).name,
        "chip": chip,
        "prompt": prompt,
        "text": prompt + tokenizer.continuation(ids[0].cpu(), new),
        "new_tokens": len(new),
        "tokens_per_s": len(new) / (time.perf_counter() - start),
        "temperature": temperature,
        "seed": seed,
        **compute.record(),
    }


def stop_tokens(model: nn.Module, tokenizer: Tokenizer) -> list[int] | None:
    """Token ids that end a text: the network's own, else the tokenizer's end of a document.

    Args:
        model: language model.
        tokenizer: its tokenizer.
    """
    own = model.generation_config.eos_token_id
    own = tokenizer.end if own is None else own
    return [own] if isinstance(own, int) else own


def _hardware(model: nn.Module) -> Hardware:
    layers = list(gain_cell_layers(model).values())
    return layers[0].hardware if layers else Hardware.from_pretrained("ideal")


def _model(checkpoint: Checkpoint, hardware: Hardware | None, effects: Effects) -> nn.Module:
    if hardware is not None and hardware.kind == "softmax" and checkpoint.softmax is not None:
        return load_softmax(checkpoint.softmax)
    if checkpoint.adapted is None:
        raise ModelError(
            f"{checkpoint.name} has not been adapted to hardware; run `gaincell adapt "
            f"{quote(checkpoint.name)} --out DIR` and generate with DIR, or pass --hardware ideal"
        )
    return load_adapted(checkpoint, hardware=hardware, effects=effects)
