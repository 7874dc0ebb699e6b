"""What each non-ideality, each layer and each head of a network on hardware costs, in nats per token.

A cost is the loss of the network as it is, minus its loss without one thing: with one effect switched off, or
with the heads of one layer, or one head, computed by exact attention. Weights stay as they are: of a network
that was trained through the hardware, exact attention sees weights that suit the arrays, and its cost may be
negative.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...circuits.errors import ModelError
from ...circuits.files import write_json
from ...models import Hardware
from ..attention.effects import STANDARD, Effects
from .batches import exp, measure
from .checkpoints import Checkpoint, context_of, digest, tokenizer_of
from .compute import FLOAT32, Compute
from .evaluate import Networks
from .held_out import held_out_tokens
from .kept_results import kept_result, key_of
from .layer import GainCellAttention, gain_cell_layers, put_on_chip

RESULT = "ablation.json"
"""File of the whole result, in the folder of the single ones."""
PARTS = ("effects", "layers", "heads")
SHARES = (0.98, 0.95, 0.9, 0.8, 0.65, 0.5, 0.25, 0.0)
"""Shares of the heads on the arrays in the curve, besides all of them."""

Heads = Mapping[str, Sequence[int]]
"""Name of an attention module -> numbers of its query heads."""
Report = Callable[[int, int, str], None]
"""Called with (measurements done, measurements, current one)."""


def ablate_model(
    checkpoint: Checkpoint,
    hardware: Hardware,
    *,
    out: Path,
    content: str | None = None,
    context: int | None = None,
    tokens: int | None = 4096,
    seed: int | None = 0,
    parts: Sequence[str] = PARTS,
    row: str | None = None,
    effects: Effects = STANDARD,
    chip: int | None = None,
    compute: Compute = FLOAT32,
    report: Report = lambda done, total, item: None,
) -> dict[str, Any]:
    """Measure what each effect, layer and head costs a network.

    After the heads, a curve follows: the loss with ever more heads computed exactly, the costliest first.
    Each measurement is a file of its own in `out`, so an interrupted run continues.

    Args:
        checkpoint: parts of a MODEL.
        hardware: hardware to run on.
        out: folder of the measurements and of `RESULT`; it is made if necessary.
        content: text to measure on; None: the held-out side of the demo corpus.
        context: tokens per window; None: as adapted, or the model's own, at most 1024.
        tokens: about how many tokens to predict; None: all.
        seed: choice of the windows; None: the first. Noise is drawn with it, or with 0.
        parts: what to leave out one by one, of `PARTS`.
        row: network to measure, "adapted" or "calibrated"; None: the adapted one if there is one.
        effects: non-idealities of the network as it is.
        chip: seed of the chip to run on; None: nominal circuits.
        compute: device and precision of the digital network.
        report: called with (measurements done, measurements, current one).

    Returns:
        JSON-able values, also written to `RESULT`: "nats_per_token" of the network as it is, and lists
        "effects", "layers", "heads" with "cost_nats" and the standard error of this difference over windows.

    Raises:
        ModelError: a text shorter than one window, a part that does not exist, or no head on arrays.
        HardwareError: a chip of hardware that describes no mismatch.
        OSError: `out` cannot be written.
    """
    if unknown := set(parts) - set(PARTS):
        raise ModelError(f"there is no part {', '.join(sorted(unknown))}; parts are {', '.join(PARTS)}")
    run = _Run(checkpoint, hardware, out, content, context, tokens, seed, row, effects, chip, compute, report)
    acting = [field.name for field in fields(Effects) if getattr(effects, field.name)]
    if chip is None:
        acting = [name for name in acting if name != "mismatch"]
    heads = [(name, head) for name, own in run.heads.items() for head in own]
    if not heads:
        raise ModelError(f"{checkpoint.name} has no head on arrays; there is nothing to leave out")
    curve = list(dict.fromkeys(round(share * len(heads)) for share in SHARES))
    curve = [kept for kept in curve if kept < len(heads)]
    counts = {"effects": len(acting) + 1, "layers": len(run.heads), "heads": len(heads) + len(curve)}
    run.total = 1 + run.has_softmax + sum(counts[part] for part in parts)
    softmax = run.softmax() if run.has_softmax else None
    base = run.loss("as it is")
    found: dict[str, Any] = dict.fromkeys((*PARTS, "curve"))
    if "effects" in parts:
        names = {name: (name,) for name in acting} | {"all": tuple(acting)}
        found["effects"] = [
            {"effect": name} | _cost(base, run.loss(f"without {name}", without=off))
            for name, off in names.items()
        ]
    if "layers" in parts:
        found["layers"] = [
            {"layer": name, "heads": len(own)} | _cost(base, run.loss(name, exact={name: own}))
            for name, own in run.heads.items()
        ]
    if "heads" in parts:
        found["heads"] = [
            {"layer": name, "head": head} | _cost(base, run.loss(f"{name} head {head}", exact={name: [head]}))
            for name, head in heads
        ]
        found["curve"] = [_point(1.0, base), *_curve(run, found["heads"], curve)]
    answer = run.conditions | {
        "tokens": run.windows[:, 1:].numel(),
        "nats_per_token": base["nats"],
        "perplexity": exp(base["nats"]),
        "softmax_nats_per_token": None if softmax is None else softmax["nats"],
        **found,
    }
    write_json(out / RESULT, answer)
    return answer


def _curve(run: _Run, costs: Sequence[dict[str, Any]], counts: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Loss with so many heads on arrays, the costliest of the others computed exactly."""
    ranked = sorted(costs, key=lambda row: -row["cost_nats"])
    for kept in counts:
        exact: dict[str, list[int]] = {}
        for row in ranked[: len(ranked) - kept]:
            exact.setdefault(row["layer"], []).append(row["head"])
        yield _point(kept / len(ranked), run.loss(f"{kept} heads on arrays", exact=exact))


def _point(share: float, loss: dict[str, Any]) -> dict[str, Any]:
    return {"share_on_arrays": share, "nats_per_token": loss["nats"], "perplexity": exp(loss["nats"])}


def _cost(base: dict[str, Any], without: dict[str, Any]) -> dict[str, Any]:
    # Both read the same windows, so the error is that of the difference, much less than that of each.
    gaps = [one - other for one, other in zip(base["by_window"], without["by_window"], strict=True)]
    error = statistics.stdev(gaps) / len(gaps) ** 0.5 if len(gaps) > 1 else None
    return {"cost_nats": base["nats"] - without["nats"], "standard_error_nats": error}


class _Run:
    """The network, the text, and the measurements that are done."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        hardware: Hardware,
        out: Path,
        content: str | None,
        context: int | None,
        tokens: int | None,
        seed: int | None,
        row: str | None,
        effects: Effects,
        chip: int | None,
        compute: Compute,
        report: Report,
    ) -> None:
        drawn = None if chip is None else hardware.chip(chip)
        self.out, self.compute, self.report = out, compute, report
        self.done = self.total = 0
        self._networks = Networks(
            checkpoint, hardware, effects, compute, lambda item, done, total: report(done, total, item)
        )
        self.has_softmax = "softmax" in self._networks.available
        known = [name for name in ("adapted", "calibrated") if name in self._networks.available]
        row = known[0] if row is None else row
        if row not in known:
            raise ModelError(
                f"{checkpoint.name} has no network {row!r} on hardware, but {' and '.join(known)}"
            )
        self.context = context_of(self._networks.any, context or checkpoint.context)
        tokenizer = tokenizer_of(checkpoint, self._networks.any.config.vocab_size)
        self.windows: Tensor = held_out_tokens(tokenizer, content, self.context, tokens, seed).windows
        self.model: nn.Module = self._networks.load(row, tokenizer, self.context)
        put_on_chip(self.model, drawn)
        layers = gain_cell_layers(self.model)
        self._layers: dict[str, GainCellAttention] = {
            name.removesuffix(".gain_cell"): layer for name, layer in layers.items()
        }
        self.heads: dict[str, list[int]] = {}
        """Heads on arrays of each layer that has any."""
        for name, layer in self._layers.items():
            own = [head for head in range(len(layer.q_scale)) if head not in layer.softmax_heads]
            if own and layer.hardware.kind != "softmax":
                self.heads[name] = own
        self.conditions = {
            "model": checkpoint.name,
            "row": row,
            "hardware": {"name": hardware.name, "cell": hardware.cell, "digest": hardware.digest},
            "effects": asdict(effects),
            "token": "byte" if tokenizer.name == "bytes" else "token",
            "context": self.context,
            "seed": seed,
            "chip": chip,
            **compute.record(),
        }
        text = key_of(self.windows.tolist())
        self._key = [digest(self.model), text, self.conditions]
        self._seed = seed or 0

    def softmax(self) -> dict[str, Any]:
        """Loss of the pre-trained network with exact attention."""
        return self._kept("softmax", {}, lambda: self._measure(self._networks.load("softmax", None, 0)))

    def loss(self, name: str, without: Sequence[str] = (), exact: Heads | None = None) -> dict[str, Any]:
        """Loss with some effects off, and some heads computed exactly.

        Args:
            name: of the measurement.
            without: effects to switch off.
            exact: heads besides those that are exact anyway.

        Returns:
            "nats" per token, and "by_window".
        """
        exact = exact or {}

        def make() -> dict[str, Any]:
            with self._changed(without, exact):
                return self._measure(self.model)

        conditions = {"without": sorted(without), "exact": {k: sorted(v) for k, v in sorted(exact.items())}}
        return self._kept(name, conditions, make)

    @contextmanager
    def _changed(self, without: Sequence[str], exact: Heads) -> Iterator[None]:
        before = {name: (layer.effects, layer.softmax_heads) for name, layer in self._layers.items()}
        try:
            for name, layer in self._layers.items():
                layer.effects = layer.effects.without(*without)
                layer.softmax_heads = tuple(sorted({*layer.softmax_heads, *exact.get(name, ())}))
            yield
        finally:
            for name, layer in self._layers.items():
                layer.effects, layer.softmax_heads = before[name]

    def _kept(self, name: str, conditions: Any, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        self.report(self.done, self.total, name)
        found = kept_result(self.out / f"{name.replace(' ', '-')}.json", key_of(*self._key, conditions), make)
        self.done += 1
        self.report(self.done, self.total, name)
        return found

    def _measure(self, model: nn.Module) -> dict[str, Any]:
        torch.manual_seed(self._seed)
        loss = measure(model, self.windows, precision=self.compute.precision)
        return {"nats": loss.nats, "by_window": loss.by_window}
