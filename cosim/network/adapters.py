"""An adapted network as a low-rank adapter beside the network that it came from.

The folder has PEFT's two files, `adapter_config.json` and `adapter_model.safetensors`, the scalers, and
`gaincell_adapter.json`: hardware and settings of every layer, and the sha256 of the base network's weights.
It is applied to the user's own copy of that network.
"""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ...circuits.errors import GaincellError, ModelError
from ...circuits.files import as_written, partial_folder, sealed, values_digest, write_json
from ...circuits.files import digest as file_digest
from ...models import Chip, Hardware
from ..attention.effects import Effects
from .checkpoints import Checkpoint, digest, digest_of, load_softmax
from .conversion import convert_as_described
from .description import describe
from .families import unwrap
from .layer import gain_cell_layers, put_on_chip
from .pretrained import ADAPTER, from_pretrained
from .quantizer import GainCellConfig
from .remote_code import reason_of

FORMAT = 1
CONFIG, WEIGHTS, SCALERS = "adapter_config.json", "adapter_model.safetensors", "gaincell_scalers.safetensors"
NEEDS_PEFT = "an adapter needs the package peft: pip install peft"


def base_digest(wrapped: nn.Module) -> str:
    """sha256 of the weights below a model's adapter, as `checkpoints.digest` of the network without it.

    Args:
        wrapped: PEFT model, converted or not.
    """
    state = {
        name.replace(".base_layer.", "."): x
        for name, x in unwrap(wrapped).state_dict().items()
        if ".lora_" not in name and ".gain_cell." not in name
    }
    return digest_of(state)


def save_adapter(
    wrapped: nn.Module,
    folder: str | Path,
    *,
    base: str,
    source: str | None = None,
    dtype: torch.dtype = torch.bfloat16,
) -> None:
    """Write the adapter of a converted PEFT model, its scalers and its settings.

    Args:
        wrapped: model of PEFT with one adapter, converted; its other weights are those of the base.
        folder: folder to write; made if necessary.
        base: directory or hub name of the base network.
        source: where else the same weights are found, for a message; None: not stated.
        dtype: float type of the stored adapter. The scalers keep theirs.

    Raises:
        ModelError: the model has no adapter of PEFT, or no gain-cell attention.
    """
    modules, hardware = describe(wrapped)
    if not modules or not hasattr(wrapped, "peft_config"):
        raise ModelError("only a converted model with an adapter of PEFT has an adapter to save")
    from peft import get_peft_model_state_dict

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ADAPTER).unlink(missing_ok=True)
    (name, config), *others = wrapped.peft_config.items()
    if others:
        raise ModelError("the model has several adapters; delete all but one")
    settings = GainCellConfig.of_modules(modules, hardware, unwrap(wrapped).config._attn_implementation)
    with partial_folder(folder) as partial:
        found = get_peft_model_state_dict(wrapped, adapter_name=name)
        adapter = {key: x.detach().to("cpu", dtype).contiguous() for key, x in found.items()}
        save_file(adapter, partial / WEIGHTS)
        save_file(_scalers(wrapped), partial / SCALERS)
        before = config.base_model_name_or_path
        try:
            config.base_model_name_or_path = base
            config.save_pretrained(partial)
        finally:
            config.base_model_name_or_path = before
        files = (CONFIG, WEIGHTS, SCALERS)
        document = {
            "format": FORMAT,
            "base": {"model": base, "source": source, "weights": base_digest(wrapped)},
            "settings": settings.to_dict(),
            "files": {name: file_digest(partial / name) for name in files},
        }
        for name in files:
            (partial / name).chmod(0o644)
            (partial / name).replace(folder / name)
    write_json(folder / ADAPTER, sealed(document))


def load_adapter(
    folder: str | Path,
    base: str | Path | None = None,
    *,
    hardware: Hardware | None = None,
    effects: Effects | None = None,
    chip: Chip | None = None,
    any_weights: bool = False,
) -> nn.Module:
    """Load the base network, add an adapter to its weights, and convert it, float32, on the CPU.

    Args:
        folder: folder of `save_adapter`.
        base: the user's copy of the base network; None: the name that the adapter states.
        hardware: other hardware, at the token period of its timing; None: the saved ones.
        effects: other non-idealities; None: the saved ones.
        chip: chip that holds the arrays; None: nominal circuits.
        any_weights: take a base network of other weights too, such as another rounding of them.

    Returns:
        A converted model without a wrapper, in evaluation mode.

    Raises:
        ModelError: the folder is damaged, peft is missing, or the base network is another one.
    """
    folder = Path(folder)
    document = read_adapter(folder)
    asked = document["base"]
    softmax = load_softmax(base or asked["model"])
    if not any_weights and digest(softmax) != asked["weights"]:
        source = f" ({asked['source']})" if asked["source"] else ""
        raise ModelError(
            f"the weights of {base or asked['model']} are not those that the adapter {folder.name} was "
            f"trained on; give a copy of {asked['model']}{source} with --base"
        )
    try:
        from peft import PeftModel
    except ImportError as error:
        raise ModelError(NEEDS_PEFT) from error
    try:
        with warnings.catch_warnings():
            # About what PEFT changes in its own files from version to version.
            warnings.simplefilter("ignore")
            model = PeftModel.from_pretrained(softmax, str(folder)).merge_and_unload()
        settings = GainCellConfig.from_dict(dict(document["settings"]))
        described = GainCellConfig.of_modules(
            settings.modules, settings.read_hardware(), settings.base, other=hardware, effects=effects
        )
        convert_as_described(model, described.modules, described.read_hardware())
        _load_scalers(model, load_file(folder / SCALERS))
        put_on_chip(model, chip)
    except GaincellError:
        raise
    except Exception as error:  # PEFT and safetensors have no common base class
        raise ModelError(
            f"the adapter {folder} does not fit {base or asked['model']} ({reason_of(error)}); give the "
            "network that it was trained on with --base"
        ) from error
    return model.requires_grad_(True).eval()


def load_adapted(
    checkpoint: Checkpoint, *, hardware: Hardware | None = None, effects: Effects | None = None
) -> nn.Module:
    """The adapted network of a MODEL, in evaluation mode, on the CPU.

    Args:
        checkpoint: parts of a MODEL, with adapted weights.
        hardware: other hardware; None: the saved ones.
        effects: other non-idealities; None: the saved ones.

    Raises:
        ModelError: the folder is damaged, or the network below an adapter is another one.
    """
    options = {"hardware": hardware, "effects": effects}
    if (checkpoint.adapted / ADAPTER).is_file():
        return load_adapter(checkpoint.adapted, checkpoint.softmax, **options)
    return from_pretrained(checkpoint.adapted, **options)


def read_adapter(folder: Path) -> dict[str, Any]:
    """gaincell_adapter.json, after a check of it and of the files that it names.

    Args:
        folder: folder of `save_adapter`.

    Raises:
        ModelError: it is missing or damaged.
    """
    path = folder / ADAPTER
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        whole = as_written(document) is True and document["format"] == FORMAT
        whole = whole and all(file_digest(folder / name) == x for name, x in document["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        whole = False
    if not whole:
        raise ModelError(f"the adapter in {folder} is incomplete or damaged; save it again")
    return document


def renamed(folder: Path, out: Path, *, base: str, source: str | None = None) -> None:
    """Copy an adapter, with another name and source of the same base network.

    Args:
        folder: folder of `save_adapter`.
        out: folder to write.
        base: hub name of the base network.
        source: where else the same weights are found; None: not stated.

    Raises:
        ModelError: the adapter is damaged.
    """
    document = read_adapter(folder)
    out.mkdir(parents=True, exist_ok=True)
    for name in document["files"]:
        shutil.copyfile(folder / name, out / name)
    config = json.loads((out / CONFIG).read_text(encoding="utf-8"))
    write_json(out / CONFIG, config | {"base_model_name_or_path": base})
    document["base"] |= {"model": base, "source": source}
    document["files"][CONFIG] = file_digest(out / CONFIG)
    write_json(out / ADAPTER, document | {"digest": values_digest(document)})


def _scalers(model: nn.Module) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": x.detach().cpu().contiguous()
        for name, layer in gain_cell_layers(unwrap(model)).items()
        for key, x in layer.state_dict().items()
    }


def _load_scalers(model: nn.Module, scalers: dict[str, Tensor]) -> None:
    for name, layer in gain_cell_layers(model).items():
        layer.load_state_dict({key: scalers.pop(f"{name}.{key}") for key in layer.state_dict()})
    if scalers:
        raise ValueError(f"no layer has the scalers {next(iter(scalers))}")
