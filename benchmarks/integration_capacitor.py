"""Area, bit-line swing and perplexity against the size of the integration capacitors.

The column model is taken to another capacitor by its scaling law: the bit line of a column follows
C dv/dt = -sum of the cells' currents, so with k times the capacitance it moves as it did for a k-th of the
currents, and the terms a^i u^j of the model shrink by k^(i + j). Converters are taken to be the same against
charge; noise and speed are not scaled. `--simulate N` compares the law with N simulated columns of each
array.

    python benchmarks/integration_capacitor.py --simulate 8
"""

from __future__ import annotations

import argparse
import json

import numpy as np

from gaincell.characterization.plan import Plan
from gaincell.characterization.procedure import Context, find
from gaincell.characterization.table import SHIPPED_TABLES, read_manifest, read_table
from gaincell.circuits.designs import Designs
from gaincell.circuits.floorplan import sub_tile_areas
from gaincell.circuits.runner import simulate
from gaincell.circuits.technology import Technology
from gaincell.cosim.network.checkpoints import locate
from gaincell.cosim.network.evaluate import evaluate_model
from gaincell.models import Hardware
from gaincell.models.fitting.columns import bit_line_capacitance, clamped_charge, weighted_sum

CAPACITORS = (0.425e-12, 0.85e-12, 1.7e-12, 3.4e-12)
"""Integration capacitors, F."""
NAME = "generic28"


def line_capacitances(hardware: Hardware) -> dict[bool, float]:
    """Capacitance of the bit lines of the V array (True) and the K array of the shipped tables, F."""
    rows = read_table(SHIPPED_TABLES / NAME, "column")
    rows = rows[rows["status"] == "ok"]
    return {
        signed: bit_line_capacitance(rows[rows["signed"].astype(bool) == signed], hardware, signed)
        for signed in (False, True)
    }


def with_capacitor(hardware: Hardware, lines: dict[bool, float], change: float) -> Hardware:
    """Hardware whose bit lines have another capacitance.

    Args:
        hardware: fitted hardware.
        lines: its capacitances, F.
        change: what is added to them, F.
    """
    scaled = {}
    for name, signed in (("column_1", False), ("column_2", True)):
        model, ratio = getattr(hardware, name), 1 + change / lines[signed]
        order = np.add.outer(*[np.arange(len(model.coefficients))] * 2)
        scaled[name] = model.model_copy(update={"coefficients": model.coefficients / ratio**order})
    return hardware.model_copy(update=scaled)


def simulated(hardware: Hardware, c_int: float, c_line: float, signed: bool, count: int) -> dict[str, float]:
    """Error of the law on simulated columns, of full scale, and that of a plain sum of cells."""
    plan = read_manifest(SHIPPED_TABLES / NAME)["plan"]
    designs = {**plan.get("designs", {})}
    for circuit in ("converter", "readout"):
        designs[circuit] = {**designs.get(circuit, {}), "c_int": c_int}
    context = Context.of(Plan.build({**plan, "designs": designs}), "column", Technology.load(NAME))
    procedure = find("column")
    points = procedure.points(context)
    points = points[points["signed"] == signed].head(count).reset_index(drop=True)
    found = []
    for batch in procedure.batches(context, points):
        waves = simulate(batch.simulation).require()
        found.append(procedure.measure(context, points.iloc[batch.index], waves).iloc[0])
    swing = np.array([row["v_start"] - row["v_end"] for row in found])
    model, full = (hardware.column_2, hardware.q_sat_2) if signed else (hardware.column_1, hardware.q_sat_1)
    plain = clamped_charge(points, hardware)
    charge = model(plain, weighted_sum(points, hardware, model.loading)).numpy()
    clipped = np.abs(plain) > 1.3 * full
    error = ((charge - swing * c_line) / full)[~clipped]
    bare = ((plain - swing * c_line) / full)[~clipped]
    return {
        "columns": int((~clipped).sum()),
        "rms": float(np.sqrt(np.mean(error**2))),
        "worst": float(np.abs(error).max()),
        "rms_plain": float(np.sqrt(np.mean(bare**2))),
        "largest_swing_V": float(np.abs(swing).max()),
    }


def main() -> None:
    """Print one JSON object for each capacitor."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=20480)
    parser.add_argument("--simulate", type=int, default=0, metavar="N")
    parser.add_argument("--capacitors", type=float, nargs="+", default=CAPACITORS)
    parser.add_argument("--no-perplexity", action="store_true")
    arguments = parser.parse_args()
    hardware, technology = Hardware.from_pretrained(NAME), Technology.load(NAME)
    designs, lines = Designs(), line_capacitances(Hardware.from_pretrained(NAME))
    for c_int in arguments.capacitors:
        change = c_int - designs.converter.c_int
        own = with_capacitor(hardware, lines, change)
        sizes = {"c_int": c_int}
        resized = designs.model_copy(
            update={
                "converter": designs.converter.model_copy(update=sizes),
                "readout": designs.readout.model_copy(update=sizes),
            }
        )
        result = {
            "c_int_F": c_int,
            "sub_tile_m2": sum(sub_tile_areas(resized, technology).values()),
            "full_scale_swing_V": {
                "K": own.q_sat_1 / (lines[False] + change),
                "V": own.q_sat_2 / (lines[True] + change),
            },
        }
        if not arguments.no_perplexity:
            rows = evaluate_model(
                locate("demo"), own, tokens=arguments.tokens, rows=("calibrated", "adapted")
            )["perplexity"]
            result["perplexity"] = {row: rows[row] for row in ("calibrated", "adapted")}
        if arguments.simulate:
            result["law"] = {
                array: simulated(own, c_int, lines[signed] + change, signed, arguments.simulate)
                for array, signed in (("K", False), ("V", True))
            }
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
