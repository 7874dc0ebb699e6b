"""A converted model in transformers' own way of saving and loading, as a method of quantisation.

`model.save_pretrained`, a Trainer's checkpoints and the hub keep config.json. There lies how each module is
converted, and `AutoModelForCausalLM.from_pretrained` converts the model before it reads the weights. Where
gaincell is not imported, transformers refuses config.json for its attention implementation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any, ClassVar

import torch
from torch import nn
from transformers import PreTrainedConfig
from transformers.quantizers import HfQuantizer
from transformers.quantizers.auto import register_quantization_config, register_quantizer
from transformers.utils.quantization_config import QuantizationConfigMixin

from ...circuits.errors import ModelError
from ...circuits.files import values_digest
from ...models import Hardware
from ..attention.effects import Effects
from .description import FORMAT, describe, pack, require_entry, unpack
from .families import BASES
from .layer_config import IMPLEMENTATION

Converter = Callable[[nn.Module, dict[str, Any], dict[str, Hardware]], None]
"""Called with a model, the entry of each module and hardware by name."""


class GainCellConfig(QuantizationConfigMixin):
    """How a model is converted: every module's settings, and the hardware, as text."""

    def __init__(
        self,
        modules: dict[str, Any],
        hardware: dict[str, Any],
        base: str | None = None,
        format: int = FORMAT,
        digest: str | None = None,
        weights: dict[str, str] | None = None,
        **other: Any,
    ) -> None:
        """Read a description.

        Args:
            modules: entry of each module, as `describe` gives it.
            hardware: by name, {"digest": its digest, "files": its files as text}.
            base: attention implementation of the model, for its masks and the layers left out.
            format: version of the description.
            digest: sha256 of all other fields; None: of a new description.
            weights: `weight_digests` of the model; None: not known.
            other: fields of other versions, which are refused.

        Raises:
            ModelError: a description of another version, or a damaged one.
        """
        self.quant_method = IMPLEMENTATION
        self.modules, self.hardware, self.base, self.format = modules, hardware, base, format
        unknown = set(other) - {"quant_method"}
        if format != FORMAT or unknown:
            raise ModelError(
                f"the model was saved as version {format} of gaincell's settings{' with ' if unknown else ''}"
                f"{', '.join(sorted(unknown))}; this version reads {FORMAT}; save it again"
            )
        if weights is not None:
            self.weights = weights
        expected = values_digest(vars(self))
        if digest is not None and digest != expected:
            raise ModelError("the settings of gaincell in config.json are damaged; save the model again")
        self.digest = expected

    @classmethod
    def of(cls, model: nn.Module, base: str | None) -> GainCellConfig:
        """The description of a converted model.

        Args:
            model: converted model.
            base: its own attention implementation.
        """
        return cls.of_modules(*describe(model), base)

    @classmethod
    def of_modules(
        cls,
        modules: dict[str, Any],
        hardware: dict[str, Hardware],
        base: str | None,
        *,
        other: Hardware | None = None,
        effects: Effects | None = None,
        weights: dict[str, str] | None = None,
    ) -> GainCellConfig:
        """A description from its parts.

        Args:
            modules: entry of each module, as `describe` gives it.
            hardware: hardware by name.
            base: attention implementation of the model.
            other: hardware of all modules in place of their own, at the token period of its timing.
            effects: non-idealities of all modules in place of their own.
            weights: `weight_digests` of the model.

        Raises:
            ModelError: an entry that is not understood.
        """
        for name, entry in modules.items():
            require_entry(name, entry, hardware)
        if other is not None:
            hardware = {"hardware": other}
            modules = {name: entry | {"hardware": "hardware"} for name, entry in modules.items()}
            modules = {name: entry | {"token_period": None} for name, entry in modules.items()}
        if effects is not None:
            modules = {name: entry | {"effects": asdict(effects)} for name, entry in modules.items()}
        packed = {name: {"digest": one.digest, "files": pack(one)} for name, one in hardware.items()}
        return cls(modules, packed, base, weights=weights)

    def read_hardware(self) -> dict[str, Hardware]:
        """Hardware by name.

        Raises:
            ModelError: it is damaged.
        """
        found = {}
        for name, part in self.hardware.items():
            found[name] = unpack(part["files"])
            if found[name].digest != part["digest"]:
                raise ModelError(f"the {name} beside the weights is damaged; save the model again")
        return found


class GainCellQuantizer(HfQuantizer):
    """What transformers asks about a converted model while it saves and loads it."""

    converter: ClassVar[Converter]
    """Set by `register`: conversion.py, whose models this class saves, must not be imported here."""

    def update_attn_implementation(self, config: PreTrainedConfig) -> PreTrainedConfig:
        """Give the model the attention implementation that it was converted on."""
        base = self.quantization_config.base
        if config._attn_implementation in (IMPLEMENTATION, None):
            config._attn_implementation = base if base in BASES else None
        return config

    def _process_model_before_weight_loading(self, model: nn.Module, **kwargs: Any) -> None:
        # transformers builds models on the meta device; curves of hardware are values.
        with torch.device("cpu"):
            described = self.quantization_config
            type(self).converter(model, described.modules, described.read_hardware())

    def _process_model_after_weight_loading(self, model: nn.Module, **kwargs: Any) -> nn.Module:
        model.config.attn_implementation = IMPLEMENTATION
        read = self.quantization_config
        saved = getattr(read, "weights", None)
        if saved is not None:
            found = weight_digests(model, read.modules)
            if found is not None and found["layout"] == saved["layout"] and found != saved:
                raise ModelError(
                    "the weights are damaged, or not those that were saved; save the model again"
                )
            # From now on the weights may change.
            self.quantization_config = GainCellConfig(read.modules, read.hardware, read.base)
            model.config.quantization_config = self.quantization_config
        return model

    def get_state_dict_and_metadata(self, model: nn.Module) -> tuple[None, dict[str, str]]:
        """Bring config.json up to date, since settings may have changed after conversion."""
        modules, hardware = describe(model)
        weights, base = weight_digests(model, modules), model.config._attn_implementation
        config = GainCellConfig.of_modules(modules, hardware, base, weights=weights)
        self.quantization_config = model.config.quantization_config = config
        return None, {}

    def is_serializable(self, *args: Any, **kwargs: Any) -> bool:
        """A converted model can be saved."""
        return True

    @property
    def is_trainable(self) -> bool:
        """Scalers and weights learn."""
        return True

    @property
    def is_qat_trainable(self) -> bool:
        """Gradients pass through the arrays."""
        return True

    @property
    def is_compileable(self) -> bool:
        """`torch.compile` takes the model."""
        return True


def weight_digests(model: nn.Module, modules: Iterable[str]) -> dict[str, str] | None:
    """Digests by which a loaded model knows that its weights are those that were saved.

    Args:
        model: converted model of transformers.
        modules: names of its converted modules, so that models with others are not compared.

    Returns:
        sha256 of names, types and shapes ("layout") and of values ("values"). Models of different layouts,
        such as one loaded in another float type, cannot be compared. None if weights are elsewhere:
        offloaded, or spread over processes.
    """
    ignored = set(getattr(model, "_keys_to_ignore_on_save", None) or ())
    state = {name: x for name, x in model.state_dict().items() if name not in ignored}
    if any(x.is_meta or type(x) is not torch.Tensor for x in state.values()):
        return None
    layout = [sorted(modules), *([name, str(x.dtype), list(x.shape)] for name, x in sorted(state.items()))]
    values = hashlib.sha256()
    for _, x in sorted(state.items()):
        values.update(x.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return {"layout": hashlib.sha256(json.dumps(layout).encode()).hexdigest(), "values": values.hexdigest()}


def attach(model: nn.Module) -> None:
    """Make a converted model's own `save_pretrained` keep its conversion.

    Args:
        model: converted model of transformers, not wrapped.
    """
    config = GainCellConfig.of(model, model.config._attn_implementation)
    model.hf_quantizer = GainCellQuantizer(config, pre_quantized=True)
    model.config.quantization_config = config
    # The attribute is only written to config.json; `_attn_implementation` is what the model computes with.
    model.config.attn_implementation = IMPLEMENTATION


def require_unquantised(model: nn.Module) -> None:
    """Check that transformers does not save a model in another way.

    Args:
        model: model of transformers, not wrapped.

    Raises:
        ModelError: the model is quantised.
    """
    if not isinstance(getattr(model, "hf_quantizer", None), GainCellQuantizer | None):
        raise ModelError("the model is quantised in another way; convert an unquantised one")


def register(converter: Converter) -> None:
    """Make transformers know the method. Called once, when the package is imported.

    Args:
        converter: converts a model as a description says.
    """
    GainCellQuantizer.converter = staticmethod(converter)
    register_quantization_config(IMPLEMENTATION)(GainCellConfig)
    register_quantizer(IMPLEMENTATION)(GainCellQuantizer)
