"""Converted models on disk: weights, hardware and the map of converted modules in one directory."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM

from ...circuits.errors import ModelError
from ...circuits.files import write_json
from ...models import Chip, Hardware
from ..attention.effects import Effects
from .conversion import attention_modules, convert, unwrap
from .layer import gain_cell_layers, put_on_chip

MAP = "gaincell.json"
WEIGHTS = "model.safetensors"
FORMAT = 1


def save_pretrained(model: nn.Module, directory: str | Path, *, dtype: torch.dtype | None = None) -> None:
    """Write a converted model: transformers' files, hardware/ and gaincell.json, the map of its modules.

    gaincell.json is removed first and written last, so an interrupted save is not read as a whole one. A
    model under `torch.compile` is saved as the model inside.

    Args:
        model: converted model.
        directory: directory to write; made if necessary.
        dtype: float type of the stored network weights; None: their own. The scalers keep theirs: they are
            few and sensitive to rounding.

    Raises:
        ModelError: the model is not converted.
    """
    directory, inner = Path(directory), unwrap(model)
    layers = gain_cell_layers(inner)
    if not layers:
        raise ModelError(
            "the model has no gain-cell attention; convert() it first, or use its own save_pretrained"
        )
    state = {
        name.replace("_orig_mod.", ""): tensor if dtype is None or ".gain_cell." in name else tensor.to(dtype)
        for name, tensor in inner.state_dict().items()
    }
    directory.mkdir(parents=True, exist_ok=True)
    (directory / MAP).unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=f".{directory.name}.") as folder:
        inner.save_pretrained(folder, state_dict=state, max_shard_size="1TB")
        for path in Path(folder).iterdir():
            path.chmod(0o644)
            path.replace(directory / path.name)
    first = next(iter(layers.values()))
    first.hardware.save_pretrained(directory / "hardware")
    document = {
        "format": FORMAT,
        "modules": [name.removesuffix(".gain_cell") for name in layers],
        "window": first.window,
        "token_period": first.token_period,
        "effects": asdict(first.effects),
        "hardware": first.hardware.digest,
    }
    write_json(directory / MAP, document)


def from_pretrained(
    directory: str | Path,
    *,
    hardware: Hardware | None = None,
    effects: Effects | None = None,
    chip: Chip | None = None,
    dtype: torch.dtype = torch.float32,
) -> nn.Module:
    """Load a model written by `save_pretrained`, in evaluation mode, on the CPU.

    Args:
        directory: directory written by `save_pretrained`.
        hardware: other hardware to run the weights on, at the token period of its timing; None: the saved
            one.
        effects: other non-idealities; None: the saved ones.
        chip: chip that holds the arrays; None: nominal circuits. A chip is not saved with a model.
        dtype: float type of the network weights.

    Returns:
        The model.

    Raises:
        ModelError: the directory is missing, incomplete or damaged.
    """
    directory = Path(directory)
    if not (directory / MAP).is_file():
        raise ModelError(f"{directory} has no {MAP}: not a converted model, or its saving was interrupted")
    try:
        document = json.loads((directory / MAP).read_text())
        state = load_file(directory / WEIGHTS)
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(directory), dtype=dtype)
        own = Hardware.from_pretrained(directory / "hardware")
        if own.digest != document["hardware"]:
            raise ModelError(
                f"{directory / 'hardware'} is not the hardware that {MAP} names; save the model again"
            )
        if hardware is not None and hardware.timing is not None:
            document["token_period"] = hardware.timing.latency * len(document["modules"])
        _convert_modules(model, document, hardware or own, effects or Effects(**document["effects"]))
        _load(model, state)
        put_on_chip(model, chip)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"{directory} cannot be loaded ({error}); save the model again") from error
    return model.eval()


def is_converted(directory: str | Path) -> bool:
    """Whether the directory holds a model written by `save_pretrained`."""
    return (Path(directory) / MAP).is_file()


def _convert_modules(model: nn.Module, document: dict, hardware: Hardware, effects: Effects) -> None:
    missing = set(document["modules"]) - set(attention_modules(model))
    if missing:
        raise ValueError(f"{MAP} names modules that the model does not have: {', '.join(sorted(missing))}")
    for name in document["modules"]:
        convert(
            model,
            hardware,
            include=name,
            window=document["window"],
            effects=effects,
            token_period=document["token_period"],
        )


def _load(model: nn.Module, state: dict[str, Tensor]) -> None:
    missing, unexpected = model.load_state_dict(state, strict=False)
    model.tie_weights()
    # Tied weights are stored once, under one of their names.
    tied = set(getattr(model, "all_tied_weights_keys", None) or {})
    if unexpected or set(missing) - tied:
        raise ValueError(f"{WEIGHTS} does not fit config.json: {sorted({*unexpected, *missing} - tied)[:3]}")
