"""Figure `ablation`: what each non-ideality, layer and head costs a network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ....circuits.errors import TableError
from ...network.ablation import RESULT
from .axes import PlotAxis
from .style import DIVERGING, PALETTE
from .values import Bars, ErrorBars, Figure, HeatMap, Note, Panel, Rule, Series

COST = PlotAxis("cost (nats/token)")


def ablation(folder: Path) -> Figure:
    """What each non-ideality, layer and head costs a network, and the loss against heads on arrays.

    Effects are switched off, layers and heads are computed by exact attention, one at a time.

    Args:
        folder: folder of `gaincell ablate`.

    Returns:
        One panel for each part that was measured; the heads have two.

    Raises:
        TableError: the folder holds no such result.
    """
    path = Path(folder) / RESULT
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        panels = []
        if result["effects"]:
            panels.append(_effects(result["effects"]))
        if result["layers"]:
            panels.append(_layers(result["layers"]))
        if result["heads"]:
            panels += [_heads(result["heads"]), _curve(result)]
        title = (
            f"{result['model']} on {result['hardware']['name']}: {result['nats_per_token']:.3f} nats/token"
        )
        caption = f"{result['tokens']:,} tokens; errors are one standard error over windows."
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TableError(
            f"{path} cannot be read ({type(error).__name__}: {error}); `gaincell ablate` writes it"
        ) from None
    return Figure("ablation", title, tuple(panels), columns=2, caption=caption)


def _numbers(rows: list[dict[str, Any]], key: str) -> np.ndarray:
    return np.array([row[key] if row[key] is not None else np.nan for row in rows], float)


def _effects(rows: list[dict[str, Any]]) -> Panel:
    places, costs = np.arange(float(len(rows))), _numbers(rows, "cost_nats")
    bars = Bars(places, costs, np.zeros(len(rows)), colour=PALETTE["blue"], horizontal=True)
    errors = np.nan_to_num(_numbers(rows, "standard_error_nats"))
    notes = [
        Note(max(cost, 0.0), place, f"{cost:+.2g} ± {error:.1g}")
        for place, cost, error in zip(places, costs, errors, strict=True)
    ]
    names = tuple((float(i), row["effect"]) for i, row in enumerate(rows))
    low, high = min(0.0, float(costs.min())), max(0.0, float(costs.max()))
    reach = PlotAxis(COST.label, limits=(1.1 * low, high + 0.5 * (high - low) or 1.0))
    return Panel(
        reach,
        PlotAxis("effect", ticks=names, limits=(-0.6, len(rows) - 0.4), reversed=True, grid=False),
        (bars, *notes),
    )


def _layers(rows: list[dict[str, Any]]) -> Panel:
    places, costs = np.arange(float(len(rows))), _numbers(rows, "cost_nats")
    errors = np.nan_to_num(_numbers(rows, "standard_error_nats"))
    bars = Bars(places, costs, np.zeros(len(rows)), colour=PALETTE["blue"])
    axis = PlotAxis("layer", limits=(-0.6, len(rows) - 0.4), ticks=_numbered(len(rows)))
    return Panel(axis, COST, (bars, ErrorBars(places, costs, errors), Rule(0.0)))


def _heads(rows: list[dict[str, Any]]) -> Panel:
    names = list(dict.fromkeys(row["layer"] for row in rows))
    values = np.full((max(row["head"] for row in rows) + 1, len(names)), np.nan)
    for row in rows:
        values[row["head"], names.index(row["layer"])] = row["cost_nats"]
    reach = float(np.nanmax(np.abs(values))) or 1.0
    # Orange costs, purple gains.
    drawn = HeatMap(values, (-reach, reach), DIVERGING[::-1], bar=COST)
    heads = PlotAxis("head", grid=False, ticks=_numbered(len(values)))
    return Panel(PlotAxis("layer", grid=False, ticks=_numbered(len(names))), heads, (drawn,))


def _curve(result: dict[str, Any]) -> Panel:
    rows = result["curve"]
    shares, found = _numbers(rows, "share_on_arrays"), _numbers(rows, "perplexity")
    drawn: list[Any] = [Series(shares, found, "", PALETTE["blue"], "line+points")]
    if result["softmax_nats_per_token"] is not None:
        drawn.append(Rule(float(np.exp(min(result["softmax_nats_per_token"], 700.0)))))
    return Panel(PlotAxis("share of heads on arrays", "%"), PlotAxis("perplexity per token"), tuple(drawn))


def _numbered(count: int) -> tuple[tuple[float, str], ...]:
    """Ticks of whole numbers, about ten of them."""
    return tuple((float(i), str(i)) for i in range(0, count, max(1, round(count / 10))))
