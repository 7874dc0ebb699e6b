"""Surrogates of signed queries against circuits with known answers."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch

from gaincell.characterization.table import SHIPPED_TABLES, read_manifest, read_table
from gaincell.circuits.designs import Designs
from gaincell.circuits.technology import Technology
from gaincell.models import ColumnModel, Hardware, Polynomial, fit_converter_curve, fit_spline
from gaincell.models.cost import Conversions
from gaincell.models.fitting.design_options import (
    fields_from_designs,
    fit_two_phase_column,
    option_errors,
    phase_sums,
    two_phase_charge,
)
from gaincell.models.fitting.energy import energy_model
from gaincell.models.fitting.fit import REQUIRED_TABLES, fit_hardware

RAMP = {"i_ramp": 24.8e-6, "w_ramp_p": 6e-6, "w_ramp_n": 3e-6}
C_LINE, Q_SAT = 1.7e-12, 370e-15


def relaxed(charge, load):
    """Bit line with a constant conductance to its rest voltage: U = G T / C, charge A (1 - exp(-U)) / U."""
    load = torch.as_tensor(load, dtype=torch.float64)
    safe = load.clamp(min=1e-12)
    return torch.as_tensor(charge, dtype=torch.float64) * -torch.expm1(-safe) / safe


def test_two_phase_charge_of_a_leaky_bit_line_equals_its_closed_form():
    """n' = a - u n is solved from n = 0, then from -kappa n: one exponential each."""
    a1, u1, a2, u2, kappa = 200e-15, 0.2, 150e-15, 0.3, 0.9
    first = a1 / u1 * (1 - np.exp(-u1))
    exact = a2 / u2 * (1 - np.exp(-u2)) - kappa * first * np.exp(-u2)
    found = float(two_phase_charge(relaxed, kappa, (a1, u1), (a2, u2)))
    assert found == pytest.approx(exact, rel=1e-9)


def known_hardware():
    volts = np.linspace(0, 0.9, 39)
    charge = np.linspace(-0.4, 1.4, 400) * Q_SAT
    return Hardware(
        name="known",
        origin="simulated",
        cells={"table": fit_spline(volts, 46e-15 * np.sinh(3 * (volts - 0.45)) / np.sinh(1.35))},
        cell="table",
        q_sat_1=Q_SAT,
        q_sat_2=Q_SAT / 2,
        edge=0.0,
        phi=fit_converter_curve(charge, np.clip(charge / Q_SAT, 0, 1)),
        signed_query="two-phase",
        swap_efficiency=1.0,
    )


def transfer_table(conductance):
    """Table cell_transfer: reads whose charge is linear in the bit line's voltage."""
    hardware = known_hardware()
    bl = np.arange(10, 27, 2) * 0.9 / 36
    v, v_bl = (x.ravel() for x in np.meshgrid(np.linspace(0, 0.9, 39), bl))
    q = hardware.transfer(v).numpy() + conductance * hardware.t_pulse_max * (v_bl - 0.45)
    return pd.DataFrame({"v_store": v, "v_bl": v_bl, "t_pulse": 15e-9, "held_out": False, "q_bl": q})


def columns_table(kappa, conductance, count=64):
    rng, hardware, rows = np.random.default_rng(0), known_hardware(), []
    while len(rows) < count:
        v = rng.uniform(0, 0.9, 64)
        w = np.clip(0.4 * rng.standard_normal(64) + 0.3 * rng.uniform(-1, 1) * (v - 0.45), -1, 1)
        f = hardware.transfer(v).numpy()
        load = conductance * hardware.t_pulse_max / C_LINE
        parts = [(np.maximum(s * w, 0) @ f, np.maximum(s * w, 0).sum() * load) for s in (-1, 1)]
        net = float(two_phase_charge(relaxed, kappa, *parts))
        if 0 < net < Q_SAT:
            row = {"v_store": v.tolist(), "t_pulse": (w * 15e-9).tolist(), "v_start": 0.45}
            rows.append(row | {"v_end": 0.45 - net / C_LINE, "t_out": net / Q_SAT * 15e-9})
    return pd.DataFrame(rows)


def test_known_swap_efficiency_is_recovered():
    """At 1 uS per cell each phase loses a tenth or more, which the fit has to separate from the swap's
    loss."""
    kappa, conductance = 0.93, 1e-6
    column, found = fit_two_phase_column(
        columns_table(kappa, conductance), transfer_table(conductance), known_hardware(), C_LINE
    )
    assert found == pytest.approx(kappa, abs=0.01)
    assert column.predicted.rms < 2e-3
    assert column.predicted.rms < column.plain.rms / 10
    assert column.model.errors.held_out_points >= 15


def test_sign_of_a_pulse_selects_its_phase():
    width = np.array([[0.5, -0.25, 0.0]])
    negative, positive = phase_sums(width, np.array([[0.1, 0.2, 0.3]]), torch.as_tensor, edge=1.0)
    np.testing.assert_allclose([negative[0], positive[0]], [0.25 * 0.2 + 1, 0.5 * 0.1 + 1])


def test_hardware_fields_follow_from_the_design_options():
    technology = Technology.load("generic28")
    plain = Designs.of(technology).model_dump(mode="json")
    nothing = {"window": None, "signed_query": None, "swap_efficiency": None, "normaliser": None}
    assert fields_from_designs(plain, 0.9) == nothing | {"levels": plain["levels"]}
    chosen = Designs.of(
        technology,
        array={"mirrored": True, "normaliser": 5 / 7, "window": 512},
        levels={"key": 16, "output": 64},
    ).model_dump(mode="json")
    found = fields_from_designs(chosen, 0.7)
    assert found["signed_query"] == "mirrored" and found["window"] == 512
    assert found["normaliser"] == pytest.approx(0.5)
    assert found["levels"] == {"query": 16, "key": 16, "value": 8, "output": 64}
    swapped = Designs.of(technology, converter={"phases": 2}).model_dump(mode="json")
    assert fields_from_designs(swapped, 0.9)["signed_query"] == "two-phase"
    assert Hardware.model_validate(known_hardware().model_dump() | found).levels.key == 16


def test_two_phase_energy_adds_one_swap_per_relu_conversion():
    """Only two-phase hardware has this stage; its energy is the mean over the table's ReLU conversions."""
    tables = {name: read_table(SHIPPED_TABLES / "generic28", name) for name in REQUIRED_TABLES}
    relu = ~tables["converter"]["signed"].astype(bool)
    tables["converter"] = tables["converter"].assign(e_swap=np.where(relu, 70e-15, 0.0))
    stages = {}
    for phases in (1, 2):
        designs = Designs(converter={"signed": False, "phases": phases, **RAMP}).model_dump(mode="json")
        model = energy_model(tables, "cmos", 0.9, designs)
        stages[phases] = {stage.name: stage.law for stage in model.stages}
    (added,) = set(stages[2]) - set(stages[1])
    assert {name: law for name, law in stages[2].items() if name != added} == stages[1]
    law = stages[2][added]
    assert isinstance(law, Conversions) and law.converter == 1
    np.testing.assert_allclose(law.curve([-1e-13, 0.0, 3e-13]).numpy(), 70e-15)


def test_option_errors_of_a_known_column_are_recovered():
    """Charges add exactly and are converted exactly, so every prediction is exact."""
    column = ColumnModel(
        loading=Polynomial(coefficients=[0.0]),
        coefficients=[[0.0]],
        q_scale=1e-13,
        box={"a": (-9.0, 9.0), "u": (-1.0, 1.0)},
    )
    signed = known_hardware().phi.model_copy(update={"signed": True})
    hardware = Hardware.model_validate(
        known_hardware().model_dump()
        | {"signed_query": None, "swap_efficiency": None, "readout": signed}
        | {"column_1": column, "column_2": column}
    )
    rows = columns_table(1.0, 0.0, 12).assign(scheme="mirrored")
    constant = pd.DataFrame({"v_store": [0.9, 0.6], "t_pulse": [[3e-9] * 4, [5e-9] * 4]})
    total = [float(hardware.transfer(v)) * sum(t) for v, t in constant.itertuples(index=False)]
    constant["t_out"] = np.array(total) / Q_SAT
    errors = option_errors(hardware, {"signed_column": rows, "normaliser": constant})
    assert set(errors) == {
        "signed query, mirrored, plain signed sum",
        "signed query, mirrored, column model",
        "normalising column",
    }
    assert all(error.rms < 1e-3 for error in errors.values())
    wrong = option_errors(hardware, {"normaliser": constant.assign(t_out=constant["t_out"] + 1.5e-9)})
    assert wrong["normalising column"].rms == pytest.approx(0.1, abs=1e-3)


def test_mirrored_fit_with_unpulsed_complements_equals_the_plain_fit():
    """The shipped K columns, extended by complementary rows without pulses."""
    folder = SHIPPED_TABLES / "generic28"
    manifest = read_manifest(folder)
    tables = {name: read_table(folder, name) for name in REQUIRED_TABLES}
    plain, _ = fit_hardware(tables, manifest["condition"], name="plain")
    condition = copy.deepcopy(manifest["condition"])
    condition["designs"]["array"] |= {"mirrored": True, "normaliser": 5 / 7, "window": 256}
    relu = ~tables["column"]["signed"].astype(bool)
    rows = tables["column"][relu]
    rows = rows.assign(
        v_store=[[*v, *(condition["vdd"] - np.array(v))] for v in rows["v_store"]],
        t_pulse=[[*t, *np.zeros(len(t))] for t in rows["t_pulse"]],
    )
    tables["column"] = pd.concat([rows, tables["column"][~relu]], ignore_index=True)
    mirrored, _ = fit_hardware(tables, condition, name="mirrored")
    assert (mirrored.signed_query, mirrored.window) == ("mirrored", 256)
    assert mirrored.normaliser == pytest.approx(condition["vdd"] * 5 / 7)
    assert mirrored.rows == plain.rows
    np.testing.assert_allclose(mirrored.column_1.coefficients, plain.column_1.coefficients, rtol=1e-6)
    lines = [
        {stage.name: stage.law.joules for stage in one.energy.stages if "word lines" in stage.name}
        for one in (mirrored, plain)
    ]
    assert lines[0]["V array word lines"] == pytest.approx(lines[1]["V array word lines"] * 65 / 64)
    assert lines[0]["K array word lines"] == lines[1]["K array word lines"]
