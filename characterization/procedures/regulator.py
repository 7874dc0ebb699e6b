"""Regulator of the supply: output over input and load, loop gain, loads that change, drop-out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from ...circuits.designs import Designs
from ...circuits.errors import SimulationError, TechnologyError
from ...circuits.rawfile import Waveforms
from ...circuits.runner import Simulation
from ...circuits.testbench import Condition, Schedule
from ...circuits.testbench.regulator import GATE, changing_load, input_sweep, load_sweep, loop_gain
from ..corners import COLD, HOT, SUPPLY_TOLERANCE
from ..plan import Values, grid
from ..procedure import Batch, Context, Procedure, procedure

LOADS = {"idle": "i_idle", "biased": "i_biased", "peak": "i_peak", "most": "i_most"}
"""Loads by name: the design's property for the current of one sub-tile; idle at 27 C."""
EDGE = 0.2e-9
"""Duration of a change of the load, s."""
STEP = 20e-9
"""Start of the step and of the operation, s."""
STEP_END = 120e-9
"""End of the step and of its transient, s: from idle to peak at `STEP`."""
SETTLED = 2e-3
"""Distance from the final output within which it has settled, V."""
DROP = 0.01
"""Fraction of the output that is lost at the drop-out voltage."""


@procedure
class RegulatorProcedure(Procedure):
    """Regulator of the supply over corners, temperature and input"""

    name = "regulator"
    columns = {
        "corner": "-: process corner",
        "temperature": "Celsius",
        "v_in": "V: supply of the chip",
        "analysis": "-: static, loop, step, operation or drop-out",
        "load": "-: idle, biased, peak or most; of step and operation the largest one",
        "i_load": "A: current of that load, of all sub-tiles",
        "v_out": "V: output; of step and operation before it starts",
        "v_low": "V: lowest output of step and operation",
        "v_high": "V: highest output of step and operation",
        "i_quiescent": "A: current from the input less that of the load: amplifier and bleeder",
        "v_stress": "V: largest voltage between two terminals of the pass device",
        "gain": "-: loop gain at low frequency",
        "f_unity": "Hz: unity-gain frequency of the loop",
        "phase_margin": "degrees",
        "t_settle": "s: from the step until the output stays within 2 mV of its final value",
        "v_dropout": "V: input less output where the output is 1 % below that at the nominal input",
    }
    undefined = frozenset(columns) - {"corner", "temperature", "v_in", "analysis", "load", "i_load"}

    def points(self, ctx: Context) -> pd.DataFrame:
        design, technology = ctx.condition.designs.regulator, ctx.technology
        if design.v_in <= ctx.condition.vdd:
            raise TechnologyError(
                f"designs.regulator.v_in={design.v_in:g} does not exceed the regulated supply of "
                f"{ctx.condition.vdd:g} V; set regulator.v_in above it"
            )
        inputs = [round(design.v_in * (1 + k * SUPPLY_TOLERANCE), 9) for k in (-1, 0, 1)]
        where = (
            Values("corner", tuple(technology.corners)),
            Values("temperature", sorted({COLD, technology.temperature, HOT, ctx.temperature})),
        )
        loads = Values("load", tuple(LOADS))
        parts = [
            grid(*where, Values("v_in", inputs), Values("analysis", ("static", "loop")), loads),
            grid(*where, Values("v_in", inputs), Values("analysis", ("step", "operation"))).assign(
                load="peak"
            ),
            grid(*where, Values("v_in", [design.v_in]), Values("analysis", ["drop-out"])).assign(load="peak"),
        ]
        points = pd.concat(parts, ignore_index=True)
        at_rest = points["temperature"].map(design.i_rest)
        currents = {name: getattr(design, field) for name, field in LOADS.items()}
        current = points["load"].map(currents).where(points["load"] != "idle", at_rest)
        return points.assign(i_load=design.sub_tiles * current)

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        # The loads of a static sweep are one simulation, those of a loop one each.
        alone = points["analysis"].where(points["analysis"] == "static", points.index.astype(str))
        groups = points.groupby(["corner", "temperature", "v_in", alone], sort=False).indices.values()
        return [Batch(self._bench(ctx, points.iloc[rows]), sorted(rows)) for rows in groups]

    def _bench(self, ctx: Context, points: pd.DataFrame) -> Simulation:
        condition, point = _condition(ctx, points), points.iloc[0]
        design, v_in = condition.designs.regulator, float(point["v_in"])
        idle = design.sub_tiles * design.i_rest(condition.temperature)
        match point["analysis"]:
            case "static":
                return load_sweep(condition, v_in, float(points["i_load"].max()))
            case "loop":
                return loop_gain(condition, v_in, float(point["i_load"]))
            case "step":
                peak = float(point["i_load"])
                return changing_load(
                    condition, v_in, [(0.0, idle), (STEP, idle), (STEP + EDGE, peak)], STEP_END
                )
            case "operation":
                loads = operation_loads(condition.designs, condition.temperature)
                return changing_load(condition, v_in, loads, loads[-1][0])
            case _:
                return input_sweep(condition, condition.vdd, v_in, float(point["i_load"]))

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        rows = pd.DataFrame(np.nan, index=range(len(points)), columns=sorted(self.undefined))
        v_in, analysis = float(points["v_in"].iloc[0]), points["analysis"].iloc[0]
        if analysis == "static":
            found = _static(points["i_load"].to_numpy(), v_in, waves)
        elif analysis == "loop":
            found = _loop(waves)
        elif analysis == "drop-out":
            found = _dropout(waves)
        else:
            found = _transient(waves, v_in, settles=analysis == "step")
        return rows.assign(**found)


def operation_loads(designs: Designs, temperature: float = 27.0) -> list[tuple[float, float]]:
    """Load of one operation in all sub-tiles of a regulator, with mean activations.

    The bank of the ReLU is reset, the query's pulses start together and end one after the other, the signed
    bank is reset meanwhile, and each bank converts. The ramp biases are on from the comparators' wake-up to
    the last ramp.

    Args:
        designs: sizes of the circuits.
        temperature: temperature, C, which the leakage follows.

    Returns:
        (time, s; current, A) in the order of time.
    """
    design, schedule = designs.regulator, Schedule.of(designs)
    rest = design.i_rest(temperature)
    pulses_end = schedule.integrate + designs.clocking.t_pulse_max
    # (from, to, current at the start, current at the end)
    parts = [
        (0.0, schedule.reset, design.i_reset, design.i_reset),
        (schedule.integrate, pulses_end, design.i_pulse, 0.0),
        (schedule.ramp - designs.clocking.t_reset, schedule.ramp, design.i_reset, design.i_reset),
        (schedule.window, schedule.window_end, design.i_convert, design.i_convert),
        (schedule.window_2, schedule.window_2_end, design.i_convert, design.i_convert),
        (schedule.wake, schedule.window_2_end, design.i_bias, design.i_bias),
    ]
    end = schedule.end + STEP
    corners = {time for begin, finish, *_ in parts for time in (begin, finish)}
    times = sorted({end, *corners, *(time + EDGE for time in corners)})

    def current(time: float) -> float:
        total = rest
        for begin, finish, first, last in parts:
            rise = np.clip((time - begin) / EDGE, 0, 1) - np.clip((time - finish) / EDGE, 0, 1)
            along = np.clip((time - begin) / (finish - begin), 0, 1)
            total += rise * (first + along * (last - first))
        return float(total)

    after = [(STEP + time, design.sub_tiles * current(time)) for time in times if time > 0]
    idle = design.sub_tiles * rest
    return [(0.0, idle), (STEP, idle), *after]


def _condition(ctx: Context, points: pd.DataFrame) -> Condition:
    corner, temperature = points.iloc[0][["corner", "temperature"]]
    return replace(ctx.condition, corner=corner, temperature=float(temperature))


def _stress(waves: Waveforms, v_in: float) -> np.ndarray:
    """Largest voltage between two terminals of the pass device, V; its bulk is its source."""
    out, gate = waves["v(out)"], waves[GATE]
    return np.max(np.abs([v_in - out, v_in - gate, out - gate]), axis=0)


def _static(loads: np.ndarray, v_in: float, waves: Waveforms) -> dict[str, np.ndarray]:
    # No load is left out: without one the output floats.
    worst = np.interp(loads, waves.axis, _stress(waves, v_in))
    return {
        "v_out": waves.at("v(out)", loads),
        "i_quiescent": -waves.at("i(vchip)", loads) - loads,
        "v_stress": worst,
    }


def _loop(waves: Waveforms) -> dict[str, float]:
    response = -waves["v(out)"]
    frequency, size = np.abs(waves.axis), np.abs(response)
    below = np.flatnonzero(size < 1)
    if size[0] <= 1 or below.size == 0:
        raise SimulationError(
            f"the loop gain of the regulator is {size[0]:.3g} at {frequency[0]:g} Hz and does not cross one; "
            "widen the pass device (regulator.w_pass)"
        )
    k = below[0]
    share = np.log(size[k - 1]) / np.log(size[k - 1] / size[k])
    phase = np.degrees(np.unwrap(np.angle(response)))
    return {
        "gain": float(size[0]),
        "f_unity": float(frequency[k - 1] * (frequency[k] / frequency[k - 1]) ** share),
        "phase_margin": float(180 + phase[k - 1] + share * (phase[k] - phase[k - 1])),
    }


def _transient(waves: Waveforms, v_in: float, *, settles: bool) -> dict[str, float]:
    out = waves["v(out)"]
    found = {
        "v_out": float(out[0]),
        "v_low": float(out.min()),
        "v_high": float(out.max()),
        "v_stress": float(_stress(waves, v_in).max()),
    }
    if settles:
        away = np.flatnonzero(np.abs(out - out[-1]) > SETTLED)
        found["t_settle"] = float(max(waves.axis[away[-1]] - STEP, 0.0)) if away.size else 0.0
    return found


def _dropout(waves: Waveforms) -> dict[str, float]:
    v_in, out = waves.axis, waves["v(out)"]
    lost = (1 - DROP) * out[-1]
    low = np.flatnonzero(out < lost)
    if low.size == 0:
        return {"v_out": float(out[-1]), "v_dropout": float(v_in[0] - out[0])}
    k = low[-1]
    share = (lost - out[k]) / (out[k + 1] - out[k])
    return {"v_out": float(out[-1]), "v_dropout": float(v_in[k] + share * (v_in[k + 1] - v_in[k]) - lost)}
