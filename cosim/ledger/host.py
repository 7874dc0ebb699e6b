"""A whole model on a digital host, with attention on the host or on gain cells: energy per token.

The host computes linear layers, embeddings and the output with stored weights that it reads once per token,
and, without gain cells, attention on a cache of keys and values. It is a model of two numbers: energy per
multiplication and addition, and per byte of memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from ...models import Hardware, Leakage, StandingPower
from .ledger import Ledger

WINDOWS = (256, 1024, 4096, 16384, 32768)
"""Numbers of keys at which a whole model is compared."""


@dataclass(frozen=True)
class Host:
    """Digital accelerator of 8-bit words."""

    joules_per_operation: float
    """Energy of a multiplication with an addition, J."""
    joules_per_byte: float
    """Energy of reading a byte of weights, keys or values from memory, J."""


@dataclass(frozen=True)
class Work:
    """What one token needs, from a network's configuration alone."""

    name: str
    """Name of the network."""
    layers: int
    """Number of layers."""
    heads: int
    """Number of query heads."""
    kv_heads: int
    """Number of key-value heads."""
    head_dim: int
    """Head dimension."""
    weights: int
    """Weights of linear layers, each used once per token."""

    @classmethod
    def of(cls, name: str, config: Any) -> Work:
        """Work of a causal language model.

        Args:
            name: its name.
            config: transformers' configuration; no weights are made.
        """
        from transformers import AutoModelForCausalLM
        from transformers.pytorch_utils import Conv1D

        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config)
        linear = [module for module in model.modules() if isinstance(module, (nn.Linear, Conv1D))]
        heads = config.num_attention_heads
        return cls(
            name=name,
            layers=config.num_hidden_layers,
            heads=heads,
            kv_heads=getattr(config, "num_key_value_heads", None) or heads,
            head_dim=getattr(config, "head_dim", None) or config.hidden_size // heads,
            weights=sum(module.weight.numel() for module in linear),
        )


@dataclass(frozen=True)
class WholeModel:
    """Energy of one token of a whole model at one window, J."""

    work: Work
    """The network."""
    keys: int
    """Number of keys."""
    rest_J: float
    """Everything but attention, on the host."""
    host_attention_J: float
    """Attention on the host."""
    attention_J: float
    """Attention on gain cells."""

    @property
    def attention_gain(self) -> float:
        """Attention on the host / attention on gain cells."""
        return self.host_attention_J / self.attention_J

    @property
    def gain(self) -> float:
        """Whole model on the host / the same with attention on gain cells (Amdahl)."""
        return (self.rest_J + self.host_attention_J) / (self.rest_J + self.attention_J)


def whole_model(
    works: Sequence[Work], ledger: Ledger, hardware: Hardware, host: Host, windows: Sequence[int] = WINDOWS
) -> list[WholeModel]:
    """Whole models at several windows, with the activity per key of one ledger.

    A head of another dimension takes energy in proportion. Standing powers and leakage last for the token
    period, the hardware's latency times the layers.

    Args:
        works: networks.
        ledger: ledger of a network that was run on the hardware.
        hardware: the hardware.
        host: the host of everything else.
        windows: numbers of keys.

    Raises:
        ValueError: the ledger's layers differ in head dimension.
    """
    if ledger.head_dim is None:
        raise ValueError("layers of several head dimensions; give a network with one")
    lasting = {s.name for s in hardware.energy.stages if isinstance(s.law, StandingPower | Leakage)}
    found = []
    for work in works:
        longer = work.layers / len(ledger.layers)
        scaled = tuple(
            replace(entry, energy_J=entry.energy_J * (longer if entry.stage in lasting else 1.0))
            for entry in ledger.entries
        )
        own = replace(ledger, entries=scaled)
        for keys in windows:
            head = own.at_window(keys).energy_per_token_head_J * work.head_dim / ledger.head_dim
            products = 2 * keys * work.head_dim * work.heads * work.layers
            cached = 2 * keys * work.head_dim * work.kv_heads * work.layers
            found.append(
                WholeModel(
                    work=work,
                    keys=keys,
                    rest_J=work.weights * (host.joules_per_operation + host.joules_per_byte),
                    host_attention_J=products * host.joules_per_operation + cached * host.joules_per_byte,
                    attention_J=head * work.heads * work.layers,
                )
            )
    return found
