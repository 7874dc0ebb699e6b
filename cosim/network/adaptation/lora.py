"""Low-rank additions to a network's weights (LoRA, Hu et al. 2021), through the package peft."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from ....circuits.errors import ModelError
from ..layer import gain_cell_layers

SCALE = 2
"""Factor of the additions."""
RATE = 5.0
"""Peak learning rate of additions, relative to that of all weights."""


def with_lora(model: nn.Module, base: nn.Module, rank: int, seed: int = 0) -> nn.Module:
    """Freeze a model's weights, and give its linear layers low-rank additions that learn, beside the scalers.

    Where the model's weights differ from the base's, as after the layer-wise stage, the additions start as
    the best approximation of the difference (its largest singular values), and the weights become the base's:
    base, additions and scalers are then the whole network.

    Args:
        model: converted model, or one of its attention modules, which is changed in place.
        base: the network, or the module, that it was made from.
        rank: rank of the additions; they are scaled by `SCALE`.
        seed: of their start where there is no difference.

    Returns:
        The wrapped model; `merged` takes the wrapper off.

    Raises:
        ModelError: peft is not installed.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise ModelError("--lora needs the package peft: pip install peft") from error
    differences = _differences(model, base)
    transposed = any(isinstance(module, Conv1D) for module in model.modules())
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear | Conv1D)]
    config = LoraConfig(
        r=rank,
        lora_alpha=SCALE * rank,
        # Of a whole model, all but the output layer.
        target_modules="all-linear" if isinstance(model, PreTrainedModel) else linear,
        fan_in_fan_out=transposed,
    )
    with warnings.catch_warnings(), torch.random.fork_rng():
        torch.manual_seed(seed)
        # The scalers are frozen along with the weights, and ask for gradients again below.
        warnings.simplefilter("ignore")
        wrapped = get_peft_model(model, config)
    for layer in gain_cell_layers(wrapped).values():
        layer.requires_grad_(True)
    for name, difference in differences.items():
        _start_from(wrapped.get_submodule(f"base_model.model.{name}"), difference)
    return wrapped


def _differences(model: nn.Module, base: nn.Module) -> dict[str, Tensor]:
    """By module name: weight of the model minus weight of the base, where they differ; gives the model the
    base's."""
    found = {}
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | Conv1D):
            weight, own = base.get_submodule(name).weight.detach(), module.weight.detach()
            if not torch.equal(own, weight):
                difference = own - weight
                found[name] = difference.T if isinstance(module, Conv1D) else difference
                own.copy_(weight)
    return found


@torch.no_grad()
def _start_from(layer: nn.Module, difference: Tensor) -> None:
    """Make the additions of one layer the best approximation of a difference (out, in)."""
    down, up = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    left, values, right = torch.linalg.svd(difference, full_matrices=False)
    rank = min(len(down), len(values))
    root = (values[:rank] / SCALE).sqrt()
    down.zero_()[:rank] = root[:, None] * right[:rank]
    up.zero_()[:, :rank] = left[:, :rank] * root


def merged(model: nn.Module) -> nn.Module:
    """The model inside, with the additions in its weights; all of them ask for gradients again.

    Args:
        model: model from `with_lora`.
    """
    return model.merge_and_unload().requires_grad_(True)
