"""Converted models on disk: weights, the hardware, and the map of converted modules in one directory.

A model's own `save_pretrained` keeps the conversion too, in config.json (`quantizer.py`). `save_pretrained`
here adds the sha256 of every file, so that a damaged directory is refused, and readable hardware.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from ...circuits.errors import GaincellError, ModelError
from ...circuits.files import digest as file_digest
from ...circuits.files import partial_folder, sealed, values_digest, write_json
from ...models import Chip, Hardware
from ..attention.effects import Effects
from .description import FORMAT, describe
from .families import unwrap
from .layer import put_on_chip
from .layer_config import IMPLEMENTATION
from .quantizer import GainCellConfig, attach
from .remote_code import reason_of

MAP = "gaincell.json"
WEIGHTS = "model.safetensors"
CONFIG = "config.json"
ADAPTER = "gaincell_adapter.json"
"""File that makes a folder an adapter (`adapters.py`), which is loaded with its network."""


def save_pretrained(
    model: nn.Module,
    directory: str | Path,
    *,
    dtype: torch.dtype | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
) -> None:
    """Write a converted model: transformers' files, each hardware, and gaincell.json, the map of its modules.

    gaincell.json and config.json are removed first and written last, so an interrupted save is not read as a
    whole one. A model inside wrappers (`torch.compile`, data-parallel training) is saved as the model inside.

    Args:
        model: converted model.
        directory: directory to write; made if necessary.
        dtype: float type of the stored network weights; None: their own. The scalers keep theirs: they are
            few and sensitive to rounding.
        tokenizer: tokenizer to save beside the weights; None: none.

    Raises:
        ModelError: the model is not converted, has an adapter that is not merged, or is offloaded.
    """
    directory, inner = Path(directory), unwrap(model)
    modules, hardware = describe(inner)
    if not modules:
        raise ModelError(
            "the model has no gain-cell attention; convert() it first, or use its own save_pretrained"
        )
    state = _state(inner, dtype)
    attach(inner)
    directory.mkdir(parents=True, exist_ok=True)
    for name in (MAP, CONFIG):
        (directory / name).unlink(missing_ok=True)
    with partial_folder(directory) as folder:
        _save_network(inner, folder, state)
        if tokenizer is not None:
            tokenizer.save_pretrained(folder)
        # config.json comes last: transformers reads no directory without it.
        paths = sorted(folder.iterdir(), key=lambda path: (path.name == CONFIG, path.name))
        files = {path.name: file_digest(path) for path in paths}
        for path in paths[:-1]:
            path.chmod(0o644)
            path.replace(directory / path.name)
        for name, one in hardware.items():
            one.save_pretrained(directory / name)
        for old in directory.glob("hardware-*"):
            if old.name not in hardware and (old / "hardware.json").is_file():
                shutil.rmtree(old)
        paths[-1].chmod(0o644)
        paths[-1].replace(directory / CONFIG)
    document = {
        "format": FORMAT,
        "hardware": {name: one.digest for name, one in hardware.items()},
        "modules": modules,
        "files": files,
    }
    write_json(directory / MAP, sealed(document))


def from_pretrained(
    directory: str | Path,
    *,
    hardware: Hardware | None = None,
    effects: Effects | None = None,
    chip: Chip | None = None,
    dtype: torch.dtype = torch.float32,
) -> nn.Module:
    """Load a converted model, in evaluation mode, on the CPU.

    Args:
        directory: directory written by `save_pretrained`, by the model's own, or a Trainer's checkpoint.
        hardware: other hardware to run the weights on, at the token period of its timing; None: the saved
            ones.
        effects: other non-idealities; None: the saved ones.
        chip: chip that holds the arrays; None: nominal circuits. A chip is not saved with a model.
        dtype: float type of the network weights.

    Returns:
        The model, with its generation_config.

    Raises:
        ModelError: the directory is missing, incomplete or damaged.
    """
    directory = Path(directory)
    if (directory / ADAPTER).is_file():
        raise ModelError(f"{directory} holds an adapter alone; load it with load_adapter(folder, base)")
    if not is_converted(directory):
        raise ModelError(f"{directory} has no {MAP}: not a converted model, or its saving was interrupted")
    try:
        model = _load(directory, hardware, effects, dtype)
        put_on_chip(model, chip)
    except ModelError as error:
        raise error if str(directory) in str(error) else ModelError(f"{directory}: {error}") from error
    except GaincellError:
        raise
    except Exception as error:  # what transformers raises for damaged files has no common base class
        raise ModelError(
            f"{directory} cannot be loaded ({reason_of(error)}); save the model again"
        ) from error
    return model.eval()


def is_converted(directory: str | Path) -> bool:
    """Whether the directory holds a converted model, saved whole."""
    directory = Path(directory)
    if (directory / MAP).is_file():
        return True
    # `save_pretrained` writes hardware/ before the map.
    return not (directory / "hardware").is_dir() and _settings(directory) is not None


def saved_hardware(directory: str | Path) -> Hardware:
    """Hardware of a saved model: that of its first module.

    Args:
        directory: directory of a converted model, or of an adapter.

    Raises:
        ModelError: the directory is damaged or holds no converted model.
        HardwareError: the hardware is damaged.
    """
    directory = Path(directory)
    if (directory / MAP).is_file():
        return Hardware.from_pretrained(directory / "hardware")
    settings = _settings_of_adapter(directory) or _settings(directory)
    if settings is None:
        raise ModelError(f"{directory} holds no converted model")
    return next(iter(GainCellConfig.from_dict(settings).read_hardware().values()))


def _state(inner: nn.Module, dtype: torch.dtype | None) -> dict[str, Tensor]:
    state = {name.replace("_orig_mod.", ""): tensor for name, tensor in inner.state_dict().items()}
    if any(".base_layer." in name or ".modules_to_save." in name for name in state):
        raise ModelError(
            "the model has an adapter that is not merged; save model.merge_and_unload() of the PEFT model"
        )
    if any(tensor.is_meta for tensor in state.values()):
        raise ModelError("weights are offloaded; load the model without offloading to save it")
    if dtype is None:
        return state
    return {
        name: x if ".gain_cell." in name or not x.is_floating_point() else x.to(dtype)
        for name, x in state.items()
    }


def _save_network(inner: nn.Module, folder: Path, state: dict[str, Tensor]) -> None:
    """transformers' own files. With a quantizer, it would save the weights as they are."""
    quantizer, inner.hf_quantizer = inner.hf_quantizer, None
    try:
        inner.save_pretrained(folder, state_dict=state, max_shard_size="1TB")
    finally:
        inner.hf_quantizer = quantizer


def _load(
    directory: Path, hardware: Hardware | None, effects: Effects | None, dtype: torch.dtype
) -> nn.Module:
    weights = None
    if (directory / MAP).is_file():
        document = _read_map(directory)
        modules = document["modules"]
        own = {name: Hardware.from_pretrained(directory / name) for name in document["hardware"]}
        for name, digest in document["hardware"].items():
            if own[name].digest != digest:
                raise ModelError(
                    f"{directory / name} is not the hardware that {MAP} names; save the model again"
                )
    else:
        settings = GainCellConfig.from_dict(_settings(directory))
        modules, own = settings.modules, settings.read_hardware()
        weights = getattr(settings, "weights", None)
    config = AutoConfig.from_pretrained(directory, trust_remote_code=False)
    base = (getattr(config, "quantization_config", None) or {}).get("base")
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    config._attn_implementation = base
    described = GainCellConfig.of_modules(
        modules, own, base, other=hardware, effects=effects, weights=weights
    )
    # transformers loads its own files: it may store weights under other names than the network has.
    model, found = _class_of(config).from_pretrained(
        directory,
        config=config,
        dtype=dtype,
        trust_remote_code=False,
        quantization_config=described,
        output_loading_info=True,
    )
    wrong = sorted(
        str(key) for kind in ("missing", "unexpected", "mismatched") for key in found[f"{kind}_keys"]
    )
    if wrong or found.get("error_msgs"):
        raise ValueError(f"{WEIGHTS} does not fit {CONFIG}: {wrong[:3]}")
    return model


def _class_of(config: PreTrainedConfig) -> type:
    """Class of the model that was saved; a configuration may be of several."""
    names = getattr(config, "architectures", None) or [""]
    found = getattr(transformers, str(names[0]), None)
    known = isinstance(found, type) and issubclass(found, PreTrainedModel)
    return found if known else AutoModelForCausalLM


def _read_map(directory: Path) -> dict[str, Any]:
    """gaincell.json, after a check of what it says of itself and of the files."""
    document = json.loads((directory / MAP).read_text(encoding="utf-8"))
    if not isinstance(document, dict):
        raise ModelError(f"{directory / MAP} is damaged; save the model again")
    version = document.get("format")
    if type(version) is int and version == 1:
        return _of_version_1(document)
    if type(version) is not int or version != FORMAT:
        raise ModelError(
            f"{directory / MAP} has format {version}, this version reads {FORMAT}; save the model again"
        )
    if document.get("digest") != values_digest(document):
        raise ModelError(
            f"{directory / MAP} is damaged: it does not have its own digest; save the model again"
        )
    for name, digest in document["files"].items():
        path = directory / name
        if not path.is_file() or file_digest(path) != digest:
            raise ModelError(
                f"{directory} cannot be loaded: {name} is not the one that was saved; save the model again"
            )
    return document


def _of_version_1(document: dict[str, Any]) -> dict[str, Any]:
    """One hardware and one setting for all modules, and no digests of files."""
    entry = {name: document[name] for name in ("window", "token_period", "effects")} | {
        "hardware": "hardware"
    }
    return {
        "hardware": {"hardware": document["hardware"]},
        "modules": dict.fromkeys(document["modules"], entry),
    }


def _settings_of_adapter(directory: Path) -> dict[str, Any] | None:
    """How an adapter's network is converted; None where there is no adapter, or a damaged one."""
    try:
        return json.loads((directory / ADAPTER).read_text(encoding="utf-8"))["settings"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _settings(directory: Path) -> dict[str, Any] | None:
    """What config.json says of the conversion."""
    try:
        found = json.loads((directory / CONFIG).read_text(encoding="utf-8"))["quantization_config"]
        return found if found["quant_method"] == IMPLEMENTATION else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
