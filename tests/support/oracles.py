"""Procedures with results in closed form, and one that fails on purpose."""

import numpy as np
import pandas as pd

from gaincell.characterization.plan import Linear, Values, grid
from gaincell.characterization.procedure import Batch, Context, Procedure, chunks, procedure
from gaincell.circuits.errors import SimulationError
from gaincell.circuits.rawfile import Waveforms
from gaincell.circuits.runner import Simulation

CAPACITANCE = 1e-12


@procedure
class OracleRc(Procedure):
    """Charge that a step of 1 V delivers through a resistor"""

    name = "oracle_rc"
    columns = {
        "width": "s: pulse width",
        "resistance": "Ohm: series resistor",
        "charge": "C: delivered",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        return grid(Values("width", (1e-9, 2e-9)), Linear("resistance", 1e3, 9e3, ctx.count(6)))

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        return [self._batch(ctx, points.iloc[rows], rows) for rows in chunks(points, "width", size=4)]

    def _batch(self, ctx, points, rows):
        width = float(points["width"].iloc[0])
        copies = [f"r{i} in c{i} {r!r}\nc{i} c{i} 0 1p ic=0" for i, r in enumerate(points["resistance"])]
        saved = " ".join(f"v(c{i})" for i in range(len(points)))
        deck = ["* oracle_rc", ctx.header(), f"v1 in 0 pulse(0 1 0 1f 1f {width!r} 1)", *copies]
        deck += [".options reltol=1e-5", f".save {saved}", f".tran 10p {width!r} uic", ".end"]
        return Batch(Simulation("\n".join(deck), end=width), rows)

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        return pd.DataFrame({"charge": [CAPACITANCE * waves[f"v(c{i})"][-1] for i in range(len(points))]})

    @staticmethod
    def exact(table: pd.DataFrame) -> np.ndarray:
        """Charge in C from the closed form."""
        return CAPACITANCE * (1 - np.exp(-table["width"] / (table["resistance"] * CAPACITANCE)))


@procedure
class OracleRamp(Procedure):
    """Voltage at five instants of an ideal current into a capacitor"""

    name = "oracle_ramp"
    columns = {
        "current": "A: source",
        "time": "s: instant",
        "voltage": "V: on the capacitor",
    }

    def points(self, ctx: Context) -> pd.DataFrame:
        return grid(Values("current", ctx.rng(self.name).uniform(1e-6, 3e-6, ctx.count(3)).tolist()))

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        return [self._batch(ctx, current, i) for i, current in enumerate(points["current"])]

    def _batch(self, ctx, current, row):
        deck = ["* oracle_ramp", ctx.header(), f"i1 0 out {current!r}", "c1 out 0 1p ic=0"]
        deck += [".save v(out)", ".tran 10p 4n uic", ".end"]
        return Batch(Simulation("\n".join(deck), end=4e-9), [row])

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        time = np.linspace(0, 4e-9, 5)
        return pd.DataFrame({"point": 0, "time": time, "voltage": waves.at("v(out)", time)})


@procedure
class OracleFailing(Procedure):
    """One point that works, one without its model, one that shows nothing to measure"""

    name = "oracle_failing"
    columns = {"kind": "label", "voltage": "V"}

    def points(self, ctx: Context) -> pd.DataFrame:
        return grid(Values("kind", ("model", "works", "measure")))

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        return [self._batch(ctx, kind, i) for i, kind in enumerate(points["kind"])]

    def _batch(self, ctx, kind, row):
        extra = "d1 in 0 nosuch" if kind == "model" else f"* {kind}"
        deck = [
            "* oracle_failing",
            ctx.header(),
            "v1 in 0 1",
            "r1 in 0 1k",
            extra,
            ".save v(in)",
            ".op",
            ".end",
        ]
        return Batch(Simulation("\n".join(deck)), [row])

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        if points["kind"].iloc[0] == "measure":
            raise SimulationError("the output never crossed half the supply; lengthen the window")
        return pd.DataFrame({"voltage": waves["v(in)"]})


@procedure
class OracleDevice(Procedure):
    """Drain current of the technology's n transistor, fully on"""

    name = "oracle_device"
    columns = {"volts": "V: gate and drain", "current": "A: into the drain"}

    def points(self, ctx: Context) -> pd.DataFrame:
        return grid(Values("volts", (0.8, 0.9)))

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        return [self._batch(ctx, volts, i) for i, volts in enumerate(points["volts"])]

    def _batch(self, ctx, volts, row):
        device = f"vd d 0 {volts!r}\nx1 d d 0 0 dev_nmos w=200n l=100n"
        deck = ["* oracle_device", ctx.header(), device, ".op", ".save i(vd)", ".end"]
        return Batch(Simulation("\n".join(deck)), [row])

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        return pd.DataFrame({"current": -waves["i(vd)"]})
