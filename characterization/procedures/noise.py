"""Noise of cells and converters, analysed at the nodes where it is sampled or integrated."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.runner import Simulation
from ...circuits.testbench import Schedule
from ...circuits.testbench.noise import cell_noise, converter_noise, ramp_noise, storage_noise
from ..plan import Linear, Values, grid
from ..procedure import Batch, Context, Procedure, procedure
from ..spectra import integrated_rms, sampled_rms

STORED_VOLTAGES = 9
"""Number of stored voltages from 0 to the supply."""

F_REFERENCE = 1e8
"""Frequency of the tabulated gain and density, Hz: above flicker noise, below the bandwidth of the nodes."""


@procedure
class NoiseProcedure(Procedure):
    """Noise of writes, reads and conversions"""

    name = "noise"
    columns = {
        "source": "-: storage, cell, reset, auto-zero, coupling, comparator, p ramp or n ramp",
        "signed": "-: of the signed converter; otherwise of the ReLU, or of a cell",
        "v_store": "V: stored voltage, for storage and cell; elsewhere 0",
        "density": "V2/Hz, of a current A2/Hz: spectral density at 100 MHz",
        "gain": "-: from the bench's source to the noisy node at 100 MHz; of a current, 1/Ohm",
        "v_rms": "V: rms of the sampled voltage; of the comparator, referred to the integration node",
        "q_rms": "C: rms charge that a current leaves within T_max; elsewhere none",
    }
    undefined = frozenset({"v_rms", "q_rms"})

    def points(self, ctx: Context) -> pd.DataFrame:
        vdd = ctx.condition.vdd
        # A behavioural write device has no noise sources; its noise is sqrt(kT/C) by thermodynamics.
        storage = ["storage"] if ctx.condition.designs.cell.write_device == "cmos" else []
        cells = grid(
            Values("source", [*storage, "cell"]),
            Values("signed", [False]),
            Linear("v_store", 0.0, vdd, STORED_VOLTAGES),
        )
        nodes = ["reset", "auto-zero", "coupling", "comparator"]
        relu = grid(Values("source", [*nodes, "p ramp"]), Values("signed", [False]), Values("v_store", [0.0]))
        signed = grid(
            Values("source", [*nodes, "p ramp", "n ramp"]), Values("signed", [True]), Values("v_store", [0.0])
        )
        return pd.concat([cells, relu, signed], ignore_index=True)

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        rows = points[["source", "signed", "v_store"]].itertuples(index=False)
        return [Batch(_bench(ctx, *row), [i]) for i, row in enumerate(rows)]

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        source = points["source"].iloc[0]
        frequency, density = waves.axis, waves["onoise_spectrum"]
        gain = density / waves["inoise_spectrum"]
        at = int(np.argmin(np.abs(np.log(frequency / F_REFERENCE))))
        voltage, charge = np.nan, np.nan
        if source in ("cell", "p ramp", "n ramp"):
            window = ctx.condition.designs.clocking.t_pulse_max
            charge = integrated_rms(frequency, density, window)
        elif source == "comparator":
            voltage = sampled_rms(frequency, density, auto_zero_cutoff(ctx)) / gain.max()
        else:
            voltage = sampled_rms(frequency, density, auto_zero_cutoff(ctx) if source == "auto-zero" else 0.0)
        return pd.DataFrame(
            {
                "density": [density[at] ** 2],
                "gain": [gain[at]],
                "v_rms": [voltage],
                "q_rms": [charge],
            }
        )


def auto_zero_cutoff(ctx: Context) -> float:
    """Frequency below which the auto-zero cancels the comparator's noise, Hz.

    The difference of two samples at a distance D in time contains noise of the frequency f with the weight
    2 sin^2(pi f D) of its power per sample, which is less than one below 1 / (4 D). D is the time from the
    end of the reset to the middle of the ramp.
    """
    schedule = Schedule.of(ctx.condition.designs)
    return 1 / (4 * ((schedule.ramp + schedule.window_end) / 2 - schedule.reset))


def _bench(ctx: Context, source: str, signed: bool, v_store: float) -> Simulation:
    """Simulation of the noise of one source."""
    condition = ctx.condition
    design = condition.designs.readout if signed else condition.designs.converter
    if source == "storage":
        return storage_noise(condition, v_store)
    if source == "cell":
        return cell_noise(condition, v_store)
    if source.endswith("ramp"):
        return ramp_noise(condition, design, source[0])
    return converter_noise(condition, design, source)
