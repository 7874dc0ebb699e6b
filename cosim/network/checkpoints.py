"""The parts of a MODEL of the command line: softmax weights, adapted weights, control and tokenizer.

MODEL is `demo` (shipped), a directory that `gaincell adapt` wrote, or a name or directory that transformers
loads as a causal language model.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM

from ...circuits.errors import ModelError
from ...circuits.files import as_written, partial_folder
from .layer import gain_cell_layers
from .pretrained import ADAPTER, is_converted
from .remote_code import reason_of
from .tokenizer import Tokenizer, load_tokenizer

DEMO = Path(__file__).parents[1] / "demo"
ADAPTERS = Path(__file__).parents[1] / "adapters"
"""Folder of shipped adapters, one folder each."""
ADAPTATION = "adaptation.json"
CONTROL = "control"
LONGEST_CONTEXT = 1024
"""Longest context unless a longer one is asked for, tokens: the columns of the published ring."""


@dataclass(frozen=True)
class Checkpoint:
    """The parts of a MODEL; a part that does not exist is None."""

    name: str
    softmax: str | None
    """Directory or hub name of the pre-trained network with exact attention."""
    adapted: Path | None = None
    """Directory of the network adapted to hardware."""
    control: Path | None = None
    """Directory of the softmax network that had the same extra training."""
    adaptation: dict[str, Any] | None = None
    """Record of the adaptation: settings, loss curves, held-out numbers."""

    @property
    def context(self) -> int | None:
        """Context that the network was adapted with, tokens; None: not known."""
        return ((self.adaptation or {}).get("settings") or {}).get("recipe", {}).get("context")

    @property
    def any(self) -> str:
        """A directory or hub name with the model's configuration."""
        return str(self.softmax or self.adapted)


def locate(model: str, base: str | Path | None = None) -> Checkpoint:
    """Find the parts of a MODEL.

    Args:
        model: `demo`, a shipped adapter, a directory, or a name of the hub.
        base: for an adapter, directory or hub name of the network that it belongs to; None: the name that
            the adapter states.

    Raises:
        ModelError: the directory does not exist or holds no model, or a base is given for no adapter.
    """
    directory = ADAPTERS / model if model in shipped_adapters() else Path(model)
    if (directory / ADAPTER).is_file():
        return _with_base(directory, model, base)
    if base is not None:
        raise ModelError(f"{model} is no adapter and has no other network below it; leave --base out")
    if model == "demo":
        return _adapted(DEMO / "adapted", "demo", str(DEMO / "softmax"))
    if not directory.is_dir():
        if _names_a_path(model):
            raise ModelError(
                f"there is no folder {model}; give one that transformers or `gaincell adapt` wrote, or `demo`"
            )
        return Checkpoint(model, model)
    if is_converted(directory):
        return _adapted(directory, model, None)
    if not (directory / "config.json").is_file():
        raise ModelError(
            f"{directory} holds no model: give a directory that transformers or `gaincell adapt` wrote"
        )
    return Checkpoint(model, model)


def shipped_adapters() -> list[str]:
    """Names of the adapters that the package has, each a MODEL."""
    return sorted(path.parent.name for path in ADAPTERS.glob(f"*/{ADAPTER}"))


def _names_a_path(model: str) -> bool:
    """Whether a MODEL can only be a path: names of the hub are `name` or `owner/name`."""
    owner, _, name = model.partition("/")
    return (
        model.startswith((".", "~", "/"))
        or "\\" in model
        or "/" in name
        or model.endswith("/")
        or (bool(name) and Path(owner).exists())
    )


def load_softmax(name: str | Path) -> nn.Module:
    """Load a causal language model with its own attention, float32, in evaluation mode, on the CPU.

    Args:
        name: directory or hub name.

    Raises:
        ModelError: transformers cannot load it.
    """
    try:
        model = AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32, trust_remote_code=False)
    except Exception as error:  # what transformers raises has no common base class
        if not Path(name).is_dir():
            raise ModelError(
                f"there is no folder {name}, and transformers finds no model of that name; "
                "give a folder that transformers or `gaincell adapt` wrote, or `demo`"
            ) from error
        raise ModelError(
            f"cannot load the model {str(name)!r} ({reason_of(error)}); give its directory, or `demo`"
        ) from error
    if gain_cell_layers(model):
        raise ModelError(f"{name} is a converted model; give its directory, or the network that it came from")
    return model.eval()


def save_softmax(model: nn.Module, directory: Path) -> None:
    """Write transformers' files, weights as bfloat16, each atomically; the model is not changed."""
    directory.mkdir(parents=True, exist_ok=True)
    with partial_folder(directory) as folder:
        copy.deepcopy(model).to(torch.bfloat16).save_pretrained(folder)
        # config.json comes last: transformers reads no directory without it.
        for part in sorted(folder.iterdir(), key=lambda path: path.name == "config.json"):
            part.chmod(0o644)
            part.replace(directory / part.name)


def tokenizer_of(checkpoint: Checkpoint, vocabulary: int) -> Tokenizer:
    """The tokenizer beside a checkpoint's weights; bytes for a network of 256 tokens that has none.

    Args:
        checkpoint: parts of a MODEL.
        vocabulary: vocabulary size of the model.

    Raises:
        ModelError: there is no tokenizer, or it is damaged.
    """
    return load_tokenizer([place for place in (checkpoint.adapted, checkpoint.softmax) if place], vocabulary)


def context_of(model: nn.Module, asked: int | None = None, *, most: int = LONGEST_CONTEXT) -> int:
    """Context length to read text with, tokens.

    Args:
        model: causal language model.
        asked: length that the user asks for; None: the model's own, at most `most`.
        most: limit of the model's own.

    Raises:
        ModelError: more is asked for than the model reads.
    """
    own = getattr(model.config, "max_position_embeddings", None)
    if asked is None:
        return min(most, own or most)
    if own is not None and asked > own:
        raise ModelError(f"the network reads at most {own} tokens, not {asked}; give a shorter context")
    return asked


def digest(model: nn.Module) -> str:
    """sha256 over names and values of all weights."""
    return digest_of(model.state_dict())


def digest_of(state: Mapping[str, Tensor]) -> str:
    """sha256 over names and values of weights.

    Args:
        state: weights by name, as of `state_dict`.
    """
    content = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        content.update(name.encode())
        content.update(tensor.detach().float().contiguous().cpu().numpy().tobytes())
    return content.hexdigest()


def read_record(directory: Path) -> dict[str, Any] | None:
    """Content of a directory's adaptation.json without its digest; None where there is no such file.

    Raises:
        ModelError: it is damaged or was edited.
    """
    path = directory / ADAPTATION
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        whole = isinstance(record, dict) and isinstance(record.get("model"), str)
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} is damaged ({error}); adapt again with --fresh") from error
    if not whole or as_written(record) is False:
        raise ModelError(f"{path} is damaged or was edited; adapt again with --fresh")
    record.pop("digest", None)
    return record


def _start(model: str) -> str | None:
    """Directory or hub name of the network that an adaptation started from; None if it is gone."""
    if model == "demo":
        return str(DEMO / "softmax")
    return None if Path(model).is_absolute() and not Path(model).is_dir() else model


def _with_base(directory: Path, name: str, base: str | Path | None) -> Checkpoint:
    """The parts of an adapter: the network below it, and what it adds."""
    record = read_record(directory)
    if base is not None and not Path(base).is_dir() and _names_a_path(str(base)):
        raise ModelError(f"there is no folder {base}; give the network that {name} belongs to with --base")
    try:
        stated = json.loads((directory / ADAPTER).read_text(encoding="utf-8"))["base"]["model"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"the adapter in {directory} is damaged; save it again") from error
    return Checkpoint(name, str(base or stated), directory, None, record)


def _adapted(directory: Path, name: str, softmax: str | None) -> Checkpoint:
    if not is_converted(directory):
        return Checkpoint(name, softmax)
    record = read_record(directory)
    if record is not None:
        softmax = softmax or _start(record["model"])
    control = directory / CONTROL
    return Checkpoint(
        name, softmax, directory, control if (control / "config.json").is_file() else None, record
    )
