"""Loss of an adapted network over dies of a process, and what explains it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ...circuits.errors import HardwareError, ModelError
from ...circuits.files import write_json
from ...models import Hardware
from ...models.dies import SIGMAS, Die, DieSet
from ..attention.effects import STANDARD, Effects
from .adapters import load_adapted
from .batches import measure
from .checkpoints import Checkpoint, context_of, digest, tokenizer_of
from .compute import FLOAT32, Compute
from .die_statistics import explained_shares, wilson_interval
from .held_out import held_out_tokens
from .kept_results import kept_result, key_of
from .layer import put_on_chip

RESULT = "yield.json"
"""File of the whole result, in the folder of the results by die."""
FEWEST = 20
"""Number of dies from which parameters are said to explain a spread: the model has ten terms."""
PARAMETERS = ("n", "p", "temperature")
"""Global parameters of a die."""

Report = Callable[[int, int, str], None]
"""Called with (dies done, dies, current item)."""


def evaluate_dies(
    checkpoint: Checkpoint,
    dies: DieSet,
    drawn: Sequence[Die],
    *,
    out: Path,
    nominal_temperature: float,
    vdd: float | None = None,
    local: bool = True,
    within: float = 0.05,
    content: str | None = None,
    tokens: int | None = 4096,
    seed: int = 0,
    effects: Effects = STANDARD,
    compute: Compute = FLOAT32,
    report: Report = lambda done, total, item: None,
) -> dict[str, Any]:
    """Measure the adapted network on every die: on its nominal circuits, and on those with local mismatch.

    Each die's result is a file of its own in `out`, so an interrupted run continues, and more dies extend it.
    A result counts only for the same weights, hardware, text, effects and precision.

    Args:
        checkpoint: parts of a MODEL, with adapted weights.
        dies: hardware between fitted conditions.
        drawn: the dies.
        out: folder of the results by die and of `RESULT`; it is made if necessary.
        nominal_temperature: temperature of the typical die that losses are compared with, C.
        vdd: supply, V; None for that of the typical corner.
        local: whether to draw local mismatch.
        within: loss above the nominal one that a good die may have, nats per byte.
        content: text to measure on; None: the held-out side of the demo corpus.
        tokens: about how many tokens to predict; None: all.
        seed: choice of the windows.
        effects: non-idealities of the hardware.
        compute: device and precision of the digital network.
        report: called with (dies done, dies, current die).

    Returns:
        JSON-able values, also written to `RESULT`.

    Raises:
        ModelError: there are no adapted weights.
        HardwareError: a die outside the fitted conditions, or local mismatch that no hardware describes.
        OSError: `out` cannot be written.
    """
    if checkpoint.adapted is None:
        raise ModelError(
            f"{checkpoint.name} has no adapted weights; run `gaincell adapt {checkpoint.name} --out DIR`"
        )
    nominal = dies.at(0.0, 0.0, nominal_temperature, vdd)
    if local and nominal.mismatch is None:
        raise HardwareError(
            "no hardware of the set describes mismatch; name one of the same design that does with "
            "--mismatch, or leave mismatch out with --no-local"
        )
    network = _Network(checkpoint, effects, compute, content, tokens, seed)
    typical = network.loss(nominal, None)
    found = []
    for die in drawn:
        report(len(found), len(drawn), f"die {die.index}")
        hardware = dies.die(die, vdd)
        path = out / f"die-{die.index:04}.json"
        key = network.key(hardware, die.chip if local else None)

        def measured(die: Die = die, hardware: Hardware = hardware) -> dict[str, Any]:
            losses = {"nominal_circuits": network.loss(hardware, None)}
            if local:
                losses["chip"] = network.loss(hardware, die.chip)
            return {"die": asdict(die), "nats_per_byte": losses}

        result = kept_result(path, key, measured)
        found.append(result)
        report(len(found), len(drawn), f"die {die.index}")
    answer = {
        "model": checkpoint.name,
        "hardware": [one.digest for one in dies.fitted],
        "sigmas": SIGMAS,
        "local": local,
        "effects": asdict(effects),
        "tokens": network.windows[:, 1:].numel(),
        "seed": seed,
        **compute.record(),
        "nominal": {"temperature": nominal_temperature, "nats_per_byte": typical},
        "dies": [{**one["die"], **_excess(one, typical)} for one in found],
        **summary(found, typical, within),
    }
    write_json(out / RESULT, answer)
    return answer


def summary(found: Sequence[dict[str, Any]], typical: float, within: float) -> dict[str, Any]:
    """Yield with its confidence, spread, and what explains it.

    The variance of the loss is split into its covariances with the loss on nominal circuits and with what
    local mismatch adds; the former is split between n, p and temperature (`explained_shares`).

    Args:
        found: results by die.
        typical: loss of the typical die, nats per byte.
        within: loss above it that a good die may have, nats per byte.

    Returns:
        JSON-able values.
    """
    parts = [_excess(one, typical) for one in found]
    total, smooth = (
        np.array([part[name] for part in parts]) for name in ("excess", "excess_nominal_circuits")
    )
    good = int((total <= within).sum())
    shares = None
    if len(found) >= FEWEST and total.std() > 0:
        centred, variance = total - total.mean(), float(((total - total.mean()) ** 2).sum())
        common = float(centred @ smooth) / variance
        own = {name: np.array([one["die"][name] for one in found]) for name in PARAMETERS}
        of_common = explained_shares(own, smooth) if smooth.std() > 0 else dict.fromkeys(PARAMETERS, 0.0)
        shares = {name: common * share for name, share in of_common.items()}
        shares["unexplained"] = common - sum(shares.values())
        if any("chip" in one["nats_per_byte"] for one in found):
            shares["local"] = 1 - common
    return {
        "within": within,
        "good": good,
        "share_within": good / len(found),
        "confidence_95": wilson_interval(good, len(found)),
        "excess_mean": float(total.mean()),
        "excess_worst": float(total.max()),
        "excess_spread": float(total.std(ddof=1)) if len(found) > 1 else None,
        "explained": shares,
    }


class _Network:
    """The adapted network and the text that it is measured on."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        effects: Effects,
        compute: Compute,
        content: str | None,
        tokens: int | None,
        seed: int,
    ) -> None:
        self.checkpoint, self.effects, self.compute = checkpoint, effects, compute
        model = load_adapted(checkpoint, effects=effects)
        tokenizer = tokenizer_of(checkpoint, model.config.vocab_size)
        context = context_of(model, checkpoint.context)
        held_out = held_out_tokens(tokenizer, content, context, tokens, seed)
        self.windows, self.tokens_per_byte = held_out.windows, held_out.tokens_per_byte
        text = hashlib.sha256(self.windows.numpy().tobytes()).hexdigest()
        self._own = [digest(model), text, asdict(effects), compute.device, compute.precision, seed]
        self._noise_seed = seed
        self._loaded: tuple[str, nn.Module] | None = None

    def key(self, hardware: Hardware, chip: int | None) -> str:
        """sha256 (hexadecimal) of everything that a loss depends on."""
        mismatch = None if chip is None or hardware.mismatch is None else hardware.mismatch.digest
        return key_of(*self._own, hardware.digest, mismatch, chip)

    def loss(self, hardware: Hardware, chip: int | None) -> float:
        """Loss on a hardware, on the chip of a seed or on nominal circuits (None), nats per byte."""
        if self._loaded is None or self._loaded[0] != hardware.digest:
            model = load_adapted(self.checkpoint, hardware=hardware, effects=self.effects)
            self._loaded = (hardware.digest, model.to(self.compute.device))
        model = self._loaded[1]
        put_on_chip(model, None if chip is None else hardware.chip(chip))
        torch.manual_seed(self._noise_seed)
        return measure(model, self.windows, precision=self.compute.precision).nats * self.tokens_per_byte


def _excess(result: dict[str, Any], typical: float) -> dict[str, float]:
    """Losses of a die, and how far they are above the typical die's, nats per byte."""
    losses = result["nats_per_byte"]
    smooth = losses["nominal_circuits"]
    whole = losses.get("chip", smooth)
    return {"nats_per_byte": whole, "excess": whole - typical, "excess_nominal_circuits": smooth - typical}
