"""Charge of a gain cell against its supply voltage: an example of a user's own procedure."""

from dataclasses import replace

import pandas as pd

from gaincell.characterization.measure import energy
from gaincell.characterization.plan import Linear, Values, grid
from gaincell.characterization.procedure import Batch, Context, Procedure, chunks, procedure
from gaincell.circuits.rawfile import Waveforms
from gaincell.circuits.testbench import Condition, ReadTiming, cell_read


@procedure
class CellSupply(Procedure):
    """Gain cell: charge per read against the supply"""

    name = "cell_supply"
    columns = {
        "vdd": "V: supply, and amplitude of the read pulse",
        "v_store": "V: stored voltage before the read",
        "q_bl": "C: charge that the cell takes from the bit line, a pulse of full width",
        "e_read": "J: from the cell's supply",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        nominal = ctx.condition.vdd
        supplies = Values("vdd", [0.9 * nominal, nominal, 1.1 * nominal])
        return grid(supplies, Linear("v_store", 0.0, nominal, ctx.count(13)))

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        batches = []
        for rows in chunks(points, "vdd"):
            some = points.iloc[rows]
            condition = at_supply(ctx.condition, float(some["vdd"].iloc[0]))
            t_pulse = condition.designs.clocking.t_pulse_max
            rest = [condition.v_mid] * len(some)
            batches.append(Batch(cell_read(condition, some["v_store"].tolist(), t_pulse, rest), rows))
        return batches

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        vdd = float(points["vdd"].iloc[0])
        timing = ReadTiming(ctx.condition.designs.clocking.t_pulse_max)
        window = (timing.start / 2, timing.end)
        copies = range(len(points))
        return pd.DataFrame(
            {
                "q_bl": [-waves.integrate(f"i(vbl{i})", *window) for i in copies],
                "e_read": [energy(waves, f"dd{i}", vdd, *window) for i in copies],
            }
        )


def at_supply(condition: Condition, vdd: float) -> Condition:
    """The condition at another supply voltage, V, with unchanged sizes."""
    return replace(condition, technology=condition.technology.model_copy(update={"vdd": vdd}))
