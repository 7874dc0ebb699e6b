"""The two-array chain, transistors throughout: queries x keys -> pulses -> values -> signed pulses."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench import Condition, Schedule, chain
from ..measure import energy, pulse_width
from ..procedure import Batch, Context, Procedure, procedure
from .column import LEVELS, WIDTH_LEVELS

SIZE = 16
"""Tokens, and dimensions of query, key and value."""


def draw_chain(rng: np.random.Generator, size: int) -> dict[str, np.ndarray]:
    """Random levels of one chain: query (size,), key (size, size), value (size, size), each in [0, 1].

    Keys lean towards the query, so that a fifth of the full array's cells still reaches the converters' full
    scale; about half of the products are positive, as phi's threshold wants.
    """
    query = rng.beta(1.5, 1.5, size)
    lean = rng.normal(0.0, 0.5, (1, size)) + 0.2
    key = np.clip(0.5 + lean * rng.uniform(0.2, 1.0, (size, size)) + rng.normal(0, 0.2, (size, size)), 0, 1)
    value = np.clip(rng.normal(0.5, 0.35, (size, size)) + rng.normal(0, 0.15, (1, size)), 0, 1)
    rounded = {"key": key, "value": value}
    levels = {name: np.round(x * (LEVELS - 1)) / (LEVELS - 1) for name, x in rounded.items()}
    return {"query": np.round(query * (WIDTH_LEVELS - 1)) / (WIDTH_LEVELS - 1)} | levels


@procedure
class Chain(Procedure):
    """Two-array chain of 16 x 16 cells"""

    name = "chain"
    columns = {
        "t_query": "s: pulse width per dimension, shape (16,)",
        "v_key": "V: stored keys, (dimension, token) flattened",
        "v_value": "V: stored values, (token, dimension) flattened",
        "stage": "-: 1 for phi(S) per token, 2 for the read-out per dimension",
        "index": "-: token or dimension",
        "t_out": "s: width of the pulse, negative for a negative sign",
        "e_chain": "J: from all supplies, the whole operation",
        "e_cells_1": "J: from the supply of the K array's cells",
        "e_cells_2": "J: from the supply of the V array's cells",
        "e_drive_1": "J: from the supply of the K array's row drivers",
        "e_drive_2": "J: from the supply of the V array's row drivers",
        "e_convert_1": "J: from the supply of the ReLU converters",
        "e_convert_2": "J: from the supply of the signed converters",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        rng, condition = ctx.rng(self.name), ctx.condition
        rows = []
        for _ in range(ctx.count(2)):
            drawn = draw_chain(rng, SIZE)
            rows.append(
                {
                    "t_query": (drawn["query"] * condition.designs.clocking.t_pulse_max).tolist(),
                    "v_key": (drawn["key"].ravel() * condition.vdd).tolist(),
                    "v_value": (drawn["value"].ravel() * condition.vdd).tolist(),
                }
            )
        return pd.DataFrame(rows)

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        batches = []
        for i, row in enumerate(points.itertuples(index=False)):
            dims = len(row.t_query)
            key, value = (np.array(x).reshape(dims, -1) for x in (row.v_key, row.v_value))
            batches.append(Batch(chain(ctx.condition, np.array(row.t_query), key, value), [i]))
        return batches

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        widths, signed = chain_widths(ctx.condition, waves, SIZE, SIZE)
        pulses = [{"stage": 1, "index": i, "t_out": w} for i, w in enumerate(widths)]
        pulses += [{"stage": 2, "index": i, "t_out": w} for i, w in enumerate(signed)]
        return pd.DataFrame(pulses).assign(point=0, **chain_energies(ctx.condition, waves))


def chain_widths(
    condition: Condition, waves: Waveforms, tokens: int, dims: int
) -> tuple[np.ndarray, np.ndarray]:
    """Widths (s) of a simulated chain: phi, shape (tokens,), and the signed read-out, shape (dims,)."""
    threshold = condition.vdd / 2
    phi = [pulse_width(waves, f"v(phi{t})", threshold) for t in range(tokens)]
    closed = Schedule.of(condition.designs).ramp_2
    signs = [1.0 if waves.at(f"v(sign{d})", closed) > threshold else -1.0 for d in range(dims)]
    read_out = [s * pulse_width(waves, f"v(out{d})", threshold) for d, s in enumerate(signs)]
    return np.array(phi), np.array(read_out)


def chain_energies(condition: Condition, waves: Waveforms) -> dict[str, float]:
    """Energy (J) that each supply of a simulated chain delivers, by stage and in total."""
    supplies = {
        "e_cells_1": "dk",
        "e_cells_2": "dv",
        "e_drive_1": "dk_drv",
        "e_drive_2": "dv_drv",
        "e_convert_1": "dc1",
        "e_convert_2": "dc2",
    }
    stages = {name: energy(waves, source, condition.vdd) for name, source in supplies.items()}
    return stages | {"e_chain": sum(stages.values())}
