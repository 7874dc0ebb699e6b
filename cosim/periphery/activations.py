"""Activations of a model as the digital periphery sees them: levels, pulses, counts and words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from ...circuits.errors import HardwareError, ModelError
from ...models import Hardware
from ..attention.api import Trace
from ..ledger.whole_model import CONTEXT, on_hardware
from ..network.checkpoints import Checkpoint, context_of
from ..network.compute import FLOAT32, Compute
from ..network.corpus import demo_corpus
from ..network.evaluate import SILENT, Report
from ..network.held_out import corpus_tokens
from ..network.layer import GainCellAttention, gain_cell_layers, record_traces
from ..network.transforms import NONE


@dataclass(frozen=True)
class Scaling:
    """Inputs of one signal's scaler."""

    x: np.ndarray
    """Elements before the scaler, shape (n, D)."""
    scale: np.ndarray
    """Factor of each operation's head, shape (n,), output levels per unit of x."""
    shift: np.ndarray
    """Offset of each operation's head, shape (n,), output levels."""


@dataclass(frozen=True)
class Activations:
    """Signals of n attention operations: consecutive tokens of one head, head after head."""

    query_levels: np.ndarray
    """Pulse of each query element in level steps, shape (n, D), negative for a negative query."""
    widths: np.ndarray
    """Pulse widths of the read-out, shape (n, tiles, C), fraction of T_max, signed; 0 in an idle sub-tile."""
    counts: np.ndarray
    """Counted read-out by the behavioural layer, shape (n, tiles, C), signed."""
    active: np.ndarray
    """Whether each sub-tile is operated, shape (n, tiles)."""
    positions: np.ndarray
    """Position of each operation's token, shape (n,)."""
    layers: np.ndarray
    """Number of each operation's layer, shape (n,)."""
    run: int
    """Number of consecutive tokens of each head."""
    scalings: Mapping[str, Scaling]
    """Inputs of the scalers of "query", "key", "value" and "output"; x of the output is the sum of counts."""
    window: int
    """Number of keys that the operations can see."""

    def spread(self, operations: int) -> Activations:
        """Some of the operations: whole runs of consecutive tokens, evenly from all layers and heads.

        Args:
            operations: number of operations to take at least, if there are as many.
        """
        runs = len(self.positions) // self.run
        taken = min(runs, max(1, -(-operations // self.run)))
        starts = np.linspace(0, runs, taken, endpoint=False).astype(int) * self.run
        kept = (starts[:, None] + np.arange(self.run)).ravel()
        arrays = {name: value[kept] for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        scalings = {
            name: Scaling(*(values[kept] for values in vars(one).values()))
            for name, one in self.scalings.items()
        }
        return replace(self, **arrays, scalings=scalings)


def trace_activations(
    checkpoint: Checkpoint,
    hardware: Hardware,
    *,
    content: str | None = None,
    tokens: int | None = None,
    run: int = 4,
    compute: Compute = FLOAT32,
    report: Report = SILENT,
) -> Activations:
    """Activations of all heads at the last tokens of a text, in the steady state of a full window.

    Args:
        checkpoint: the model; without adapted weights, it runs with calibrated scalers.
        hardware: hardware of the arrays.
        content: text to read; None: the held-out part of the demo corpus.
        tokens: number of tokens to read, at most 256; None: the model's context length.
        run: number of last tokens whose operations are taken, of every head.
        compute: device and precision of the forward pass.
        report: called with ("calibrate", layers done, layers).

    Raises:
        ModelError: the text is too short, or as `require_no_transforms`.
        HardwareError: hardware without signals, or without levels to count.
    """
    if hardware.kind == "softmax":
        raise HardwareError(f"hardware {hardware.name!r} is exact softmax and drives no periphery")
    model, tokenizer = on_hardware(checkpoint, hardware, compute=compute, report=report)
    require_no_transforms(model)
    most = context_of(model, most=CONTEXT)
    tokens = most if tokens is None else min(tokens, most)
    held_out = corpus_tokens(tokenizer, demo_corpus().held_out) if content is None else None
    ids = tokenizer.encode(content) if held_out is None else held_out
    if len(ids) < max(tokens, run):
        raise ModelError(
            f"the text has {len(ids)} tokens; give at least {max(tokens, run)}, or fewer --tokens"
        )
    inputs: dict[str, tuple[Tensor, Tensor, Tensor]] = {}
    handles = [_record(layer, name, inputs) for name, layer in gain_cell_layers(model).items()]
    try:
        with torch.no_grad(), record_traces(model) as traces, compute.autocast():
            model(input_ids=ids[None, :tokens].to(compute.device), use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    if any(trace.partials for found in traces.values() for trace in found):
        raise HardwareError(
            f"the periphery is that of heads of at most {hardware.rows} dimensions; take hardware with more "
            "rows, or a network with smaller heads"
        )
    layers = gain_cell_layers(model)
    parts = [_of_layer(layers[name], found[0], inputs[name], run) for name, found in traces.items()]
    return _joined(parts, tokens, run)


def require_no_transforms(model: nn.Module) -> None:
    """Check that q, k and v go to the scalers as they are, one scaler per head, as in the periphery.

    Args:
        model: converted model.

    Raises:
        ModelError: a layer has transforms.
    """
    if any(layer.transforms != NONE for layer in gain_cell_layers(model).values()):
        raise ModelError(
            "the periphery has no rotation and no scalers per dimension, which this network needs; adapt it "
            "with --no-rotate --per-head"
        )


def _record(layer: nn.Module, name: str, inputs: dict[str, tuple[Tensor, Tensor, Tensor]]):
    """Keep the arguments q, k and v of a layer's next forward pass."""
    return layer.register_forward_pre_hook(lambda _, arguments: inputs.__setitem__(name, arguments[:3]))


def _of_layer(
    layer: GainCellAttention, trace: Trace, inputs: tuple[Tensor, Tensor, Tensor], run: int
) -> dict[str, np.ndarray]:
    """Arrays of one layer's operations by name, each with (heads x run) rows."""
    hardware = layer.hardware
    heads, queries = trace.widths.shape[1], trace.widths.shape[2]
    group = heads // trace.key_volts.shape[1]
    steps, counts = hardware.levels.query - 1, hardware.levels.output // 2 - 1

    def last(x: Tensor) -> np.ndarray:
        """The last `run` tokens of every head, shape (heads x run, ...)."""
        taken = x[0, :, queries - run :].detach().double().cpu().numpy()
        return taken.reshape(-1, *taken.shape[2:])

    levels = last(trace.widths) * steps
    if hardware.signed_query == "mirrored":
        levels = levels[:, : trace.head_dim] - levels[:, trace.head_dim :]
    tiles = trace.sub_tiles
    active = np.stack([last(tile.active.expand(1, heads, -1, -1))[:, 0] > 0 for tile in tiles], 1)
    charge = [tile.charge for tile in tiles]
    readout = hardware.readout
    pulses = [(c / hardware.q_sat_2).clamp(-1, 1) if readout is None else readout(c) for c in charge]
    found = {
        "query_levels": np.rint(levels).astype(int),
        "widths": np.stack([last(x) for x in pulses], 1) * active[..., None],
        "counts": np.rint(np.stack([last(tile.output) for tile in tiles], 1) * counts).astype(int),
        "active": active,
        "positions": np.tile(np.arange(queries - run, queries), heads),
    }
    span = hardware.v_max - hardware.v_min
    units = {
        "query": (float(steps), 0.0, layer.q_scale, layer.q_shift),
        "key": ((hardware.levels.key - 1) / span, hardware.v_min, layer.k_scale, layer.k_shift),
        "value": ((hardware.levels.value - 1) / span, hardware.v_min, layer.v_scale, layer.v_shift),
    }
    for (name, (unit, zero, scale, shift)), x in zip(units.items(), inputs, strict=True):
        repeat = 1 if name == "query" else group
        found[f"{name}.x"] = last(x.repeat_interleave(repeat, dim=1))
        for part, values, offset in (("scale", scale, 0.0), ("shift", shift, zero)):
            per_head = (values.detach().double().flatten() - offset).repeat_interleave(repeat).cpu().numpy()
            found[f"{name}.{part}"] = np.repeat(per_head * unit, run)
    sums = found["counts"].sum(1)
    found["output.x"] = sums[:, : trace.head_dim]
    for part, values in (("scale", layer.out_scale / counts), ("shift", layer.out_shift)):
        found[f"output.{part}"] = np.repeat(values.detach().double().flatten().cpu().numpy(), run)
    return found


def _joined(parts: list[dict[str, np.ndarray]], window: int, run: int) -> Activations:
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    whole["layers"] = np.repeat(np.arange(len(parts)), [len(part["positions"]) for part in parts])
    scalings = {
        name: Scaling(*(whole.pop(f"{name}.{part}") for part in ("x", "scale", "shift")))
        for name in ("query", "key", "value", "output")
    }
    return Activations(**whole, scalings=scalings, window=window, run=run)
