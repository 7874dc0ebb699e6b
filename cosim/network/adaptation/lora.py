"""Low-rank additions to a network's weights (LoRA, Hu et al. 2021), through the package peft."""

from __future__ import annotations

import warnings

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from ....circuits.errors import ModelError
from ..layer import gain_cell_layers


def with_lora(model: nn.Module, rank: int, seed: int = 0) -> nn.Module:
    """Freeze a model's weights, and give its linear layers low-rank additions that learn, beside the scalers.

    Args:
        model: converted model, which is changed in place.
        rank: rank of the additions; they are scaled by 2.
        seed: of their start.

    Returns:
        The wrapped model; `merged` takes the wrapper off.

    Raises:
        ModelError: peft is not installed.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise ModelError("--lora needs the package peft: pip install peft") from error
    transposed = any(isinstance(module, Conv1D) for module in model.modules())
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", fan_in_fan_out=transposed)
    with warnings.catch_warnings(), torch.random.fork_rng():
        torch.manual_seed(seed)
        # The scalers are frozen along with the weights, and ask for gradients again below.
        warnings.simplefilter("ignore")
        wrapped = get_peft_model(model, config)
    for layer in gain_cell_layers(wrapped).values():
        layer.requires_grad_(True)
    return wrapped


def merged(model: nn.Module) -> nn.Module:
    """The model inside, with the additions in its weights; all of them ask for gradients again.

    Args:
        model: model from `with_lora`.
    """
    return model.merge_and_unload().requires_grad_(True)
