"""The shipped hardware is what the shipped tables say, and the fit is as good as the design demands."""

import numpy as np
import pytest

from gaincell.characterization.table import SHIPPED_TABLES, read_manifest, read_table
from gaincell.circuits.errors import TableError
from gaincell.models import Hardware
from gaincell.models.chain import bit_line_charge, product_widths
from gaincell.models.checks.limits import converter_checks
from gaincell.models.fitting.fit import fit_hardware
from gaincell.models.published import leroux2025

FOLDER = SHIPPED_TABLES / "generic28"


@pytest.fixture(scope="module")
def tables():
    return {name: read_table(FOLDER, name) for name in read_manifest(FOLDER)["tables"]}


@pytest.fixture(scope="module")
def condition():
    return read_manifest(FOLDER)["condition"]


@pytest.fixture(scope="module")
def refitted(tables, condition):
    return fit_hardware(tables, condition, name="generic28")


def close(first, second, path=""):
    """Whether two dumps agree, numbers to 1e-6 of the largest one beside them."""
    if isinstance(first, dict):
        assert first.keys() == second.keys(), path
        return all(close(first[key], second[key], f"{path}.{key}") for key in first)
    if isinstance(first, (list, tuple)) and any(isinstance(item, (dict, str)) for item in first):
        assert len(first) == len(second), path
        return all(close(a, b, f"{path}[{i}]") for i, (a, b) in enumerate(zip(first, second, strict=True)))
    if isinstance(first, (np.ndarray, list, tuple, float)):
        a, b = np.asarray(first, float), np.asarray(second, float)
        scale = max(np.abs(a).max(initial=0.0), 1e-300)
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6 * scale, err_msg=path)
        return True
    assert first == second, path
    return True


def test_refitting_the_shipped_tables_gives_the_shipped_hardware(refitted):
    """Aging and mismatch are compared by what they predict: the vectors of an SVD may change sign."""
    hardware, shipped = refitted[0], Hardware.from_pretrained("generic28")
    apart = {"provenance", "aging", "mismatch"}
    assert close(shipped.model_dump(exclude=apart), hardware.model_dump(exclude=apart))
    v, age = np.linspace(0, 0.9, 31)[:, None], np.geomspace(1e-6, 0.1, 17)[None]
    for name, aging in shipped.aging.items():
        np.testing.assert_allclose(
            hardware.aging[name](v, age).numpy(), aging(v, age).numpy(), atol=1e-6 * 5e-14, err_msg=name
        )
    for name in ("cell", "write"):
        first, second = (getattr(h.mismatch, name).covariance(v[:, 0]) for h in (shipped, hardware))
        np.testing.assert_allclose(second, first, atol=1e-5 * np.abs(first).max(), err_msg=name)
    for name in ("phi", "readout"):
        first, second = (getattr(h.mismatch, name).covariance for h in (shipped, hardware))
        np.testing.assert_allclose(second, first, rtol=1e-4, atol=1e-6 * np.abs(first).max(), err_msg=name)


def test_the_shipped_hardware_names_the_shipped_tables():
    tables = {name: entry["sha256"] for name, entry in read_manifest(FOLDER)["tables"].items()}
    assert Hardware.from_pretrained("generic28").provenance["tables"] == tables


@pytest.mark.parametrize(
    ("surrogate", "limit"),
    [
        ("cell table", 1e-3),
        ("cell poly5", 1e-2),
        ("cell poly3", 3e-2),
        ("cell table, other widths", 1e-3),
        ("ReLU converter", 5e-3),
        ("signed converter", 5e-3),
        ("K column", 1e-2),
        ("V column", 1e-2),
        ("16x16 chain, first product", 1.5e-2),
        ("16x16 chain, second product", 3e-2),
    ],
)
def test_surrogates_predict_points_they_have_not_seen(refitted, surrogate, limit):
    error = refitted[1].surrogates[surrogate]
    assert error.rms <= limit
    assert error.held_out_points >= 10


def test_the_write_predicts_levels_it_has_not_seen(refitted):
    """The write path is simulated at few levels, so few can be kept back."""
    error = refitted[1].surrogates["write"]
    assert error.worst <= 1e-3
    assert error.held_out_points >= 4


def test_the_column_model_earns_its_matrix_product(refitted):
    errors = refitted[1].surrogates
    for column in ("K column", "V column"):
        assert errors[column].rms < 0.6 * errors[f"{column}, plain sum of cells"].rms


def test_the_circuits_keep_their_design_limits(refitted):
    missed = [f"{c.name}: {c.value:.3g} > {c.limit:.3g} {c.unit}" for c in refitted[1].checks if not c.met]
    assert not missed
    assert len(refitted[1].checks) == 19


def test_the_cell_resembles_the_published_polynomial_in_sign_and_growth(refitted):
    ours, published = refitted[0].transfer, leroux2025().transfer
    v = np.linspace(0.0, 0.9, 10)
    scale = refitted[0].q_sat_1 / 80
    np.testing.assert_allclose(ours(v).numpy() / scale, published(v).numpy(), atol=0.15 * 10.3)


def test_latency_adds_the_visible_phases_up(refitted, condition):
    timing = refitted[0].timing
    hidden = condition["phases"][0][1]
    total = condition["t_write_operation"] + sum(seconds for _, seconds in condition["phases"])
    assert timing.latency == pytest.approx(total - hidden)


def test_a_table_with_many_failures_is_refused(tables, condition):
    rows = tables["cell_write"].copy()
    rows.loc[:9, ["status", "message"]] = ["nonconverged", "timestep too small"]
    with pytest.raises(TableError, match="10 of 174 rows of table 'cell_write' failed .*--max-failed"):
        fit_hardware(tables | {"cell_write": rows}, condition, name="broken")
    fit_hardware(tables | {"cell_write": rows}, condition, name="tolerant", max_failed=0.1)


def test_a_missing_table_is_named(tables, condition):
    some = {name: rows for name, rows in tables.items() if name != "column"}
    with pytest.raises(TableError, match="needs the table 'column'"):
        fit_hardware(some, condition, name="broken")


def test_the_chain_costs_what_its_parts_cost(refitted, tables):
    """Supply energy of the whole chain against the sum of its cells and converters, each on its own."""
    hardware, converter = refitted[0], tables["converter"]
    laws = {stage.name: stage.law for stage in hardware.energy.stages}
    for _, chain in tables["chain"].groupby("point"):
        first = chain.iloc[0]
        width = np.asarray(first["t_query"]) / hardware.t_pulse_max
        key = np.asarray(first["v_key"]).reshape(len(width), -1)
        value = np.asarray(first["v_value"]).reshape(key.shape[1], -1)
        pulses = product_widths(hardware, width, key, 1)
        cells = float((width @ laws["K array cells"].curve(key).numpy()).sum())
        assert first["e_cells_1"] == pytest.approx(cells, rel=0.1)
        cells = float((pulses @ laws["V array cells"].curve(value).numpy()).sum())
        assert first["e_cells_2"] == pytest.approx(cells, rel=0.1)
        for signed, array, stored, wide in ((False, 1, key, width), (True, 2, value, pulses)):
            alone = converter[converter["signed"] == signed].sort_values("charge")
            charge = bit_line_charge(hardware, wide, stored, array)
            total = np.interp(charge, alone["charge"], alone["e_convert"]).sum()
            assert first[f"e_convert_{array}"] == pytest.approx(total, rel=0.15)


def test_a_dead_zone_and_a_lopsided_saturation_are_seen(tables, condition):
    """Worst-case figures must catch pulses that vanish near zero, and a polarity that stops early."""
    t_max = condition["designs"]["clocking"]["t_pulse_max"]
    converter = tables["converter"]
    values = {check.name: check.value for check in converter_checks(converter, t_max)}
    early = converter.assign(t_out=converter["t_out"].clip(lower=-13e-9))
    found = {check.name: check for check in converter_checks(early, t_max)}
    assert not found["saturation against T_max, worst polarity"].met
    blind = converter.assign(t_out=converter["t_out"].where(converter["t_out"].abs() > 0.03 * t_max, 0.0))
    name = "both converters, shorter pulses: worst distance from the line"
    dead = {check.name: check.value for check in converter_checks(blind, t_max)}
    assert dead[name] > 1.5 * values[name]
