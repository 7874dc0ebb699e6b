"""A whole model on a digital host, with attention on the host or on gain cells: energy and time per token.

The host computes linear layers, embeddings and sampling with stored weights that it reads once per token,
and, without gain cells, attention on a cache of keys and values. A host is two stated numbers (`StatedHost`),
an accelerator of library components (`accelerator.py`), or a machine that is measured (`measured_host.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import torch
from torch import nn

from ...models import Hardware, Leakage, StandingPower
from .ledger import Ledger
from .row_tiles import RENAMED

WINDOWS = (256, 1024, 4096, 16384, 32768)
"""Numbers of keys at which a whole model is compared."""


class Cost(NamedTuple):
    """What one token costs on a host."""

    joules: float
    """Energy, J."""
    seconds: float | None = None
    """Time, s; None: the host states none."""


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
    matrices: dict[tuple[int, int], int]
    """(outputs, inputs) of the linear layers, the output layer included -> how many there are."""
    embedded: int = 0
    """Numbers that a token reads from embedding tables."""
    vocabulary: int = 0
    """Logits that the next token is drawn from."""

    @property
    def weights(self) -> int:
        """Weights of linear layers, each used once per token."""
        return sum(outputs * inputs * count for (outputs, inputs), count in self.matrices.items())

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
        matrices: dict[tuple[int, int], int] = {}
        for module in model.modules():
            if isinstance(module, nn.Linear | Conv1D):
                # Conv1D keeps its weights as (inputs, outputs).
                shape = tuple(module.weight.shape)[:: -1 if isinstance(module, Conv1D) else 1]
                matrices[shape] = matrices.get(shape, 0) + 1
        tables = [module for module in model.modules() if isinstance(module, nn.Embedding)]
        heads = config.num_attention_heads
        return cls(
            name=name,
            layers=config.num_hidden_layers,
            heads=heads,
            kv_heads=getattr(config, "num_key_value_heads", None) or heads,
            head_dim=getattr(config, "head_dim", None) or config.hidden_size // heads,
            matrices=matrices,
            embedded=sum(table.embedding_dim for table in tables),
            vocabulary=config.vocab_size,
        )


class Host(Protocol):
    """A digital machine that computes whole models, or everything but attention."""

    description: str
    """One line for tables: what the host is and where its numbers are from."""

    def rest(self, work: Work) -> Cost:
        """Linear layers, embeddings and sampling of one token."""

    def attention(self, work: Work, keys: int) -> Cost:
        """Attention of one token in all layers over a cache of `keys` keys."""


@dataclass(frozen=True)
class StatedHost:
    """Digital accelerator of 8-bit words that two numbers describe; a logit costs an operation."""

    joules_per_operation: float
    """Energy of a multiplication with an addition, J."""
    joules_per_byte: float
    """Energy of reading a byte of weights, keys or values from memory, J."""

    @property
    def description(self) -> str:
        """The two numbers."""
        operation, byte = self.joules_per_operation * 1e12, self.joules_per_byte * 1e12
        return f"{operation:g} pJ an operation, {byte:g} pJ a byte (stated)"

    def rest(self, work: Work) -> Cost:
        """Every weight is read and used once.

        Args:
            work: the network.
        """
        operations, read = work.weights + work.vocabulary, work.weights + work.embedded
        return Cost(operations * self.joules_per_operation + read * self.joules_per_byte)

    def attention(self, work: Work, keys: int) -> Cost:
        """Every key and value is read once and used by each query head of its group.

        Args:
            work: the network.
            keys: number of keys.
        """
        products = 2 * keys * work.head_dim * work.heads * work.layers
        cached = 2 * keys * work.head_dim * work.kv_heads * work.layers
        return Cost(products * self.joules_per_operation + cached * self.joules_per_byte)


@dataclass(frozen=True)
class WholeModel:
    """Energy, and time where the host states one, of one token of a whole model at one window."""

    work: Work
    """The network."""
    keys: int
    """Number of keys."""
    rest: Cost
    """Everything but attention, on the host."""
    host_attention: Cost
    """Attention on the host."""
    attention: Cost
    """Attention on gain cells."""

    @property
    def attention_gain(self) -> float:
        """Energy of attention on the host / on gain cells."""
        return self.host_attention.joules / self.attention.joules

    @property
    def gain(self) -> float:
        """Energy of the whole model on the host / of the same with attention on gain cells (Amdahl)."""
        rest = self.rest.joules
        return (rest + self.host_attention.joules) / (rest + self.attention.joules)

    @property
    def speed_up(self) -> float | None:
        """Time of the whole model on the host / of the same with attention on gain cells, one after the
        other; None where a time is unknown."""
        rest, host, own = self.rest.seconds, self.host_attention.seconds, self.attention.seconds
        return None if None in (rest, host, own) else (rest + host) / (rest + own)


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
            replace(
                entry,
                energy_J=entry.energy_J * (longer if entry.stage.removeprefix(RENAMED) in lasting else 1.0),
            )
            for entry in ledger.entries
        )
        own = replace(ledger, entries=scaled)
        rest = host.rest(work)
        for keys in windows:
            longest = own.at_window(keys)
            head = longest.energy_per_token_head_J * work.head_dim / ledger.head_dim
            seconds = None if longest.layer_s is None else longest.layer_s * work.layers
            found.append(
                WholeModel(
                    work=work,
                    keys=keys,
                    rest=rest,
                    host_attention=host.attention(work, keys),
                    attention=Cost(head * work.heads * work.layers, seconds),
                )
            )
    return found
