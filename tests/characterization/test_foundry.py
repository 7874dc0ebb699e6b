"""The same netlists and procedures with unchanged libraries of foundry kits; skipped without the kit."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib import metadata

import numpy as np
import pandas as pd
import pytest

from gaincell.characterization.procedure import Context, find
from gaincell.characterization.procedures.converter import full_scale
from gaincell.circuits.designs import Designs
from gaincell.circuits.errors import TechnologyError
from gaincell.circuits.runner import Simulation, simulate
from gaincell.circuits.technology import Technology, kits
from gaincell.circuits.testbench.schedule import WriteTiming
from gaincell.models.checks.limits import converter_figures
from gaincell.models.fitting.fit import fit_cells

KITS = ("freepdk45", "gf180mcu", "sky130")


@pytest.fixture(params=KITS)
def technology(request):
    return load(request.param)


def load(name):
    """A technology; skips the test if its package is not installed."""
    try:
        return Technology.load(name)
    except TechnologyError as error:
        if "is not installed" not in str(error):
            raise
        pytest.skip(str(error))


def measured(name, context, choose):
    """Table of a procedure for the points that `choose` selects."""
    procedure = find(name)
    points = procedure.points(context)
    points = points[choose(points)].reset_index(drop=True)
    tables = []
    for batch in procedure.batches(context, points):
        own = points.iloc[list(batch.index)].reset_index(drop=True)
        waves = simulate(batch.simulation).require()
        table = procedure.measure(context, own, waves)
        if "point" not in table:
            tables.append(own.join(table))
    return pd.concat(tables, ignore_index=True)


def test_library_is_the_unchanged_file_of_the_package(technology):
    package = kits()[technology.name]
    recorded = {file.locate().resolve(): file.hash for file in metadata.files(package)}
    for path in technology.files:
        digest = hashlib.new(recorded[path].mode, path.read_bytes()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == recorded[path].value


def test_ngspice_loads_the_library(technology):
    deck = f"* nothing\n{technology.header('tt')}\nv1 a 0 1\nr1 a 0 1k\n.op\n.save i(v1)\n.end\n"
    assert simulate(Simulation(deck)).require()["i(v1)"][0] == pytest.approx(-1e-3)


# i_on in A/m, i_off in A/m, threshold (linear) in V, of the shortest channel
FIGURES = {
    "freepdk45": {
        "nmos": (979, 1.07e-2, 0.168),
        "pmos": (653, 1.06e-2, 0.190),
        "nmos_hvt": (570, 2.0e-4, 0.370),
        "pmos_hvt": (379, 2.1e-4, 0.327),
    },
    "gf180mcu": {"nmos": (520, 6.4e-7, 0.561), "pmos": (248, 7.8e-8, 0.687)},
    "sky130": {
        "nmos": (501, 2.4e-7, 0.602),
        "pmos": (201, 3.2e-4, 0.617),
        "pmos_hvt": (149, 8.4e-7, 0.749),
        "pmos_read": (171, 3.4e-3, 0.281),
    },
}


SWING = {"sky130": 0.16}
"""Largest sub-threshold swing, V/decade, where a device exceeds 0.11: pfet_01v8 at 150 nm."""


def test_limits_lie_within_the_bins_of_the_library(technology):
    bins = {}
    for path in technology.files:
        for block in re.split(r"(?im)^\.model\s+", path.read_text(errors="replace"))[1:]:
            values = dict(re.findall(r"(?i)\b([lw]m(?:in|ax))\s*=\s*([\d.e+-]+)", block))
            if len(values) == 4:
                name = re.sub(r"\.\d+$", "", block.split()[0].lower())
                bins.setdefault(name, []).append({key.lower(): float(v) for key, v in values.items()})
    for device in technology.devices.values():
        own = bins.get(device.model.lower())
        if own is None:
            assert (device.l_max, device.w_max) == (None, None)  # cards without bins
            continue
        for key in ("l", "w"):
            lowest, highest = min(b[f"{key}min"] for b in own), max(b[f"{key}max"] for b in own)
            assert lowest <= getattr(device, f"{key}_min") * 1.000001
            assert getattr(device, f"{key}_max") <= highest * 1.000001


def test_devices_have_the_figures_of_their_process(technology):
    table = measured("device", Context(technology), lambda points: points["role"].notna())
    shortest = table.loc[table.groupby("role")["length"].idxmin()].set_index("role")
    for role, (on, off, threshold) in FIGURES[technology.name].items():
        assert shortest.loc[role, "i_on"] == pytest.approx(on, rel=0.05)
        assert shortest.loc[role, "i_off"] == pytest.approx(off, rel=0.3)
        assert shortest.loc[role, "v_th_lin"] == pytest.approx(threshold, abs=0.02)
    assert table["swing"].between(0.059, SWING.get(technology.name, 0.11)).all()


def test_deviation_shifts_the_threshold_by_pelgroms_law(technology):
    device = technology.device("nmos")
    width, length = 4 * device.w_min, 2 * device.l_min
    shift = 2 * technology.mismatch.a_vt / np.sqrt(width * length)

    def current(deviation, lowered=0.0):
        deck = (
            f"* one device\n{technology.header('tt')}\nvd d 0 {technology.vdd}\n"
            f"vg g 0 {technology.vdd / 2 - lowered}\n"
            f"x1 d g 0 0 dev_nmos w={width} l={length} zvt={deviation}\n.op\n.save i(vd)\n.end\n"
        )
        return -simulate(Simulation(deck)).require()["i(vd)"][0]

    # A higher threshold and a lower gate leave the same overdrive.
    assert current(2.0) == pytest.approx(current(0.0, lowered=shift), rel=0.06)
    assert current(-2.0) > current(0.0) > current(2.0)


SHIFT = {"sky130": 0.009}
"""Largest shift of the stored voltage by a read, fraction of the supply, where it exceeds 0.004: the gates of
channels of 10 um hold four times the charge of the storage capacitor."""
SIGNS = {"sky130": 0.02}
"""Largest difference of the gains of the two signs, where it exceeds 0.01."""
TYPICAL_OFFSET = {"sky130": 0.025}
"""Largest offset in the typical corner, fraction of T_max, where it exceeds 0.02: its signs differ."""
OFFSET = {"sky130": 0.05}
"""Largest offset of the pulses in a slow corner, fraction of T_max, where it exceeds 0.03: the comparator's p
channel has little overdrive there. A skew for the corner cancels it."""


def test_cell_reads_and_writes_within_limits(technology):
    context = Context(technology)
    vdd, longest = technology.vdd, context.condition.designs.clocking.t_pulse_max
    reads = measured(
        "cell_transfer",
        context,
        lambda p: (
            np.isclose(p["v_bl"], vdd / 2, atol=1e-6 * vdd) & (p["t_pulse"] > longest / 2) & ~p["held_out"]
        ),
    )
    full = reads[np.isclose(reads["t_pulse"], longest, atol=0)]
    low, middle, high = np.interp([0, vdd / 2, vdd], full["v_store"], full["q_bl"])
    assert abs(middle) < 0.025 * high
    assert high / -low == pytest.approx(1.0, abs=0.2)
    assert (np.diff(full["q_bl"]) > 0).all()
    assert (reads["v_after"] - reads["v_store"]).abs().max() < SHIFT.get(technology.name, 0.004) * vdd
    edge, curves = fit_cells(
        reads.assign(held_out=reads["v_store"].rank(method="dense") % 4 == 2), vdd, longest
    )
    assert curves["table"].errors.rms < 2e-3
    assert abs(edge) < 0.005 * high
    writes = measured("cell_write", context, lambda p: p["v_target"].notna())
    error = (writes["v_written"] - writes["v_target"]).abs().max()
    assert error < 0.05 * vdd / 7  # 5 % of a step between levels


@pytest.mark.parametrize("corner", ["tt", "ss"])
def test_relu_converter_is_linear(technology, corner):
    check_converter(Context(technology, corner=corner), signed=False, limit=0.005)


def test_signed_converter_is_linear_and_symmetric(technology):
    positive, negative = check_converter(Context(technology), signed=True, limit=0.01)
    assert negative.gain == pytest.approx(positive.gain, rel=SIGNS.get(technology.name, 0.01))


def check_converter(context, *, signed, limit):
    """Check the pulses of some charges against a line; return the figures of the line by sign."""
    t_max, scale = context.condition.designs.clocking.t_pulse_max, full_scale(context, signed)

    def some(points):
        charge = points["charge"] / scale * np.where(signed, np.sign(points["charge"]), 1.0)
        inside = charge.between(0.04, 0.96) & (np.arange(len(points)) % 4 == 1)
        outside = charge.between(1.1, 1.15) | charge.between(-0.25, -0.2)
        return (points["signed"] == signed) & ~points["held_out"] & (inside | outside)

    table = measured("converter", context, some)
    figures = [converter_figures(table, t_max, sign) for sign in ((1, -1) if signed else (1,))]
    design = context.condition.designs.readout if signed else context.condition.designs.converter
    for line in figures:
        assert line.inl < limit
        slow = OFFSET.get(context.technology.name, 0.03)
        typical = TYPICAL_OFFSET.get(context.technology.name, 0.02)
        assert abs(line.offset) < (typical if context.corner == "tt" else slow) * t_max
        gain = max(0.015, SIGNS.get(context.technology.name, 0.0))
        assert line.gain * design.i_ramp == pytest.approx(1.0, rel=gain)
    saturated = table["charge"].abs() > 1.05 * scale
    assert (table.loc[saturated, "t_out"].abs() / t_max).to_numpy() == pytest.approx(1.0, abs=2e-3)
    if not signed:
        assert (table.loc[table["charge"] < 0, "t_out"] == 0.0).all()
    return figures


def test_what_surrounds_the_arrays_works_in_every_kit(technology):
    """Clock lines and a ladder of write levels: what a bill of the kit needs beside its tables for a fit."""
    lines = measured("clock_lines", Context(technology), lambda points: points["signed"].notna())
    switched = lines[lines["cycles"] > 0]
    assert (switched["e_line"] > 0).all() and lines["loss"].between(1.2, 2.5).all()
    ladder = measured(
        "write_dac", Context(technology), lambda points: (points["resistance"] == 2e3) & (points["level"] < 1)
    )
    alone = ladder[ladder["level"] == -1]["e_ladder"].iloc[0]
    time = WriteTiming(Designs.of(technology).cell.t_write).t_write
    assert alone == pytest.approx(technology.vdd**2 / 2e3 * (time + 2e-9), rel=0.25)
