"""Energy of a block as a sum over events, fitted to the operations of a gate-level simulation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...models.cost import Event
from ...models.periphery import LawError


@dataclass(frozen=True)
class BlockLaw:
    """Energy of a block's operation, as a sum over its events."""

    joules: Mapping[Event, float]
    """Energy of each event, J; not negative."""
    error: LawError | None
    """Error on layers that a fit has not seen; None where the operations do not follow from activations."""


def fit_law(events: Mapping[Event, np.ndarray], energies: np.ndarray, layers: np.ndarray) -> BlockLaw:
    """Least-squares law of a block, without negative energies, and its error on each layer left out.

    Args:
        events: numbers of events of each operation, shape (operations,) each.
        energies: energy of each operation, shape (operations,), J.
        layers: number of each operation's layer, shape (operations,).
    """
    names = list(events)
    counts = np.stack([np.asarray(events[name], float) for name in names], 1)
    joules = dict(zip(names, _solved(counts, energies).tolist(), strict=True))
    present = np.unique(layers)
    if len(present) < 2:
        return BlockLaw(joules, None)
    predicted = np.empty_like(energies)
    for layer in present:
        unseen = layers == layer
        predicted[unseen] = counts[unseen] @ _solved(counts[~unseen], energies[~unseen])
    means = [
        abs(predicted[layers == layer].mean() / energies[layers == layer].mean() - 1) for layer in present
    ]
    rms = float(np.sqrt(((predicted - energies) ** 2).mean()) / energies.mean())
    return BlockLaw(joules, LawError(rms=rms, worst_layer=float(max(means)), operations=len(energies)))


def _solved(counts: np.ndarray, energies: np.ndarray) -> np.ndarray:
    """Solution of counts @ x = energies in the least-squares sense, x not negative."""
    from scipy.optimize import nnls

    scale = counts.max(0)
    scale[scale == 0] = 1.0
    unit = energies.max()
    return nnls(counts / scale, energies / unit)[0] * unit / scale
