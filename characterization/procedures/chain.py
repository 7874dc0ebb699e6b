"""The two-array chain at transistor level: queries x keys -> pulses -> values -> signed pulses."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.testbench import Condition, Schedule, chain, mirrored_rows
from ..draws import draw_chain, signs_queries
from ..measure import energy, pulse_width
from ..procedure import Batch, Context, Procedure, procedure


def chain_point(condition: Condition, rng: np.random.Generator, size: int) -> dict[str, list[float]]:
    """Draw one chain (`draw_chain`) in the form of a row of `Chain.points`.

    Args:
        condition: technology and sizes.
        rng: random generator.
        size: number of tokens and of dimensions.

    Returns:
        `t_query` (s), `v_key` and `v_value` (V, flattened), with the rows that the arrays have.
    """
    designs, vdd = condition.designs, condition.vdd
    drawn = draw_chain(rng, size, designs.levels, negative=signs_queries(designs))
    query, key = drawn["query"] * designs.clocking.t_pulse_max, drawn["key"] * vdd
    if designs.array.mirrored:
        key, query = mirrored_rows(key, query, vdd)
    value = drawn["value"] * vdd
    if designs.array.normaliser is not None:
        value = np.column_stack([value, np.full(size, designs.array.normaliser * vdd)])
    return {"t_query": query.tolist(), "v_key": key.ravel().tolist(), "v_value": value.ravel().tolist()}


@procedure
class Chain(Procedure):
    """Two-array chain of 16 x 16 cells"""

    name = "chain"
    size = 16
    """Number of tokens, and of dimensions of query, key and value."""
    samples = 2
    """Default number of chains."""
    options: Mapping[str, str] = {}
    """Simulator options that override `TRANSIENT_OPTIONS`."""
    timeout = 3600.0
    """Wall-clock time limit of one chain, s."""
    columns = {
        "t_query": "s: pulse width per row of the K array, negative in the first of two phases",
        "v_key": "V: stored keys, (row, token) flattened; complements last where the array is mirrored",
        "v_value": "V: stored values, (token, dimension) flattened",
        "stage": "-: 1 for phi(S) per token, 2 for the read-out per dimension",
        "index": "-: token or dimension; the normalising column comes after the dimensions",
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
        rng = ctx.rng(self.name)
        return pd.DataFrame(
            [chain_point(ctx.condition, rng, self.size) for _ in range(ctx.count(self.samples))]
        )

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        batches = []
        for i, row in enumerate(points.itertuples(index=False)):
            key = np.array(row.v_key).reshape(len(row.t_query), -1)
            value = np.array(row.v_value).reshape(key.shape[1], -1)
            query = np.array(row.t_query)
            simulation = chain(ctx.condition, query, key, value, options=self.options, timeout=self.timeout)
            batches.append(Batch(simulation, [i]))
        return batches

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        outputs = len(points["v_value"].iloc[0]) // self.size
        widths, signed = chain_widths(ctx.condition, waves, self.size, outputs)
        pulses = [{"stage": 1, "index": i, "t_out": w} for i, w in enumerate(widths)]
        pulses += [{"stage": 2, "index": i, "t_out": w} for i, w in enumerate(signed)]
        return pd.DataFrame(pulses).assign(point=0, **chain_energies(ctx.condition, waves))


def chain_widths(
    condition: Condition, waves: Waveforms, tokens: int, dims: int
) -> tuple[np.ndarray, np.ndarray]:
    """Pulse widths of a simulated chain.

    Args:
        condition: technology, sizes, operating point.
        waves: waveforms of `testbench.chain`.
        tokens: number of tokens.
        dims: number of outputs.

    Returns:
        Widths of phi, shape (tokens,), s; signed widths of the read-out, shape (dims,), s.
    """
    threshold = condition.vdd / 2
    phi = [pulse_width(waves, f"v(phi{t})", threshold) for t in range(tokens)]
    closed = Schedule.of(condition.designs).ramp_2
    signs = [1.0 if waves.at(f"v(sign{d})", closed) > threshold else -1.0 for d in range(dims)]
    read_out = [s * pulse_width(waves, f"v(out{d})", threshold) for d, s in enumerate(signs)]
    return np.array(phi), np.array(read_out)


def chain_energies(condition: Condition, waves: Waveforms) -> dict[str, float]:
    """Energies that the supplies of a simulated chain deliver, and their sum `e_chain`.

    Args:
        condition: technology, sizes, operating point.
        waves: waveforms of `testbench.chain`.

    Returns:
        Energies by table column, J.
    """
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
