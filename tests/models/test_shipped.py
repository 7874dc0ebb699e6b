"""The shipped hardware is the fit of the shipped tables, and its errors are within the design limits."""

import json

import numpy as np
import pytest

from gaincell.characterization.table import SHIPPED_TABLES, read_manifest, read_table
from gaincell.circuits.errors import TableError
from gaincell.circuits.files import as_written
from gaincell.models import Hardware
from gaincell.models.chain import bit_line_charge, product_widths
from gaincell.models.checks.limits import converter_checks
from gaincell.models.fitting.fit import fit_hardware
from gaincell.models.fitting.folder import REPORT_FILE
from gaincell.models.fitting.report import FitReport
from gaincell.models.hardware import SHIPPED as SHIPPED_HARDWARE
from gaincell.models.periphery import shipped_laws
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
    trim = read_manifest(FOLDER).get("trim")
    return fit_hardware(tables, condition, name="generic28", trim=trim, periphery=shipped_laws(condition))


def close(first, second, path=""):
    """Compare two dumps: numbers agree to 1e-6 of the largest one in the same array."""
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


def test_fit_of_the_shipped_tables_equals_the_shipped_hardware(refitted):
    """Aging and mismatch are compared by their predictions, because the vectors of an SVD may change sign."""
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


def test_report_of_the_fit_equals_the_shipped_report(refitted):
    """Labels, measured columns and numerical errors, which the errors above do not cover."""
    values = json.loads((SHIPPED_HARDWARE / "generic28" / REPORT_FILE).read_text())
    assert as_written(values)
    assert values.pop("hardware") == Hardware.from_pretrained("generic28").digest
    shipped = FitReport.model_validate({name: x for name, x in values.items() if name != "digest"})
    report = refitted[1]
    measured = [{name: e.measured for name, e in r.surrogates.items()} for r in (report, shipped)]
    assert measured[0] == measured[1]
    for name, error in shipped.surrogates.items():
        numerical = None if error.numerical is None else pytest.approx(error.numerical, rel=1e-5)
        assert report.surrogates[name].numerical == numerical, name
    assert report.agreements.keys() == shipped.agreements.keys()
    assert [check.name for check in report.checks] == [check.name for check in shipped.checks]
    assert [figure.name for figure in report.corners] == [figure.name for figure in shipped.corners]


def test_shipped_hardware_names_the_digests_of_the_shipped_tables():
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
def test_surrogate_errors_on_unseen_points_are_within_limits(refitted, surrogate, limit):
    error = refitted[1].surrogates[surrogate]
    assert error.rms <= limit
    assert error.held_out_points >= 10


def test_write_error_on_unseen_levels_is_within_1_mV(refitted):
    """The write path is simulated at few levels, so few can be held out."""
    error = refitted[1].surrogates["write"]
    assert error.worst <= 1e-3
    assert error.held_out_points >= 4


def test_column_model_has_less_error_than_the_plain_sum(refitted):
    errors = refitted[1].surrogates
    for column, share in (("K column", 0.6), ("V column", 0.7)):
        assert errors[column].rms < share * errors[f"{column}, plain sum of cells"].rms


def test_circuits_are_within_their_design_limits(refitted):
    missed = [f"{c.name}: {c.value:.3g} > {c.limit:.3g} {c.unit}" for c in refitted[1].checks if not c.met]
    assert not missed
    assert len(refitted[1].checks) == 23


def test_cell_is_close_to_the_published_polynomial(refitted):
    ours, published = refitted[0].transfer, leroux2025().transfer
    v = np.linspace(0.0, 0.9, 10)
    scale = refitted[0].q_sat_1 / 80
    np.testing.assert_allclose(ours(v).numpy() / scale, published(v).numpy(), atol=0.15 * 10.3)


def test_latency_is_the_sum_of_the_phases_that_are_not_hidden(refitted, condition):
    timing = refitted[0].timing
    hidden = condition["phases"][0][1]
    total = condition["t_write_operation"] + sum(seconds for _, seconds in condition["phases"])
    assert timing.latency == pytest.approx(total - hidden)


def test_table_with_too_many_failed_rows_is_refused(tables, condition):
    rows = tables["cell_write"].copy()
    rows.loc[:9, ["status", "message"]] = ["nonconverged", "timestep too small"]
    with pytest.raises(TableError, match="10 of 174 rows of table 'cell_write' failed .*--max-failed"):
        fit_hardware(tables | {"cell_write": rows}, condition, name="broken")
    fit_hardware(tables | {"cell_write": rows}, condition, name="tolerant", max_failed=0.1)


def test_error_names_the_missing_table(tables, condition):
    some = {name: rows for name, rows in tables.items() if name != "column"}
    with pytest.raises(TableError, match="needs the table 'column'"):
        fit_hardware(some, condition, name="broken")


def test_energy_of_a_chain_is_the_sum_of_its_parts(refitted, tables):
    """Supply energy of the whole chain against the sum of its cells and converters, each simulated alone."""
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
            assert first[f"e_convert_{array}"] == pytest.approx(total, rel=0.1)
        drive = tables["row_driver"]
        pulse = drive[drive["columns"] == key.shape[1]]["e_drive"].mean()
        phi = chain[chain["stage"] == 1]["t_out"]
        for array, count in ((1, np.count_nonzero(width)), (2, np.count_nonzero(phi))):
            assert first[f"e_drive_{array}"] == pytest.approx(count * pulse, rel=0.1)


def test_checks_detect_a_dead_zone_and_an_early_saturation_of_one_sign(tables, condition):
    """Worst-case figures cover pulses that vanish near zero, and a polarity that saturates early."""
    t_max = condition["designs"]["clocking"]["t_pulse_max"]
    converter = tables["converter"]
    values = {check.name: check.value for check in converter_checks(converter, t_max)}
    early = converter.assign(t_out=converter["t_out"].clip(lower=-13e-9))
    found = {check.name: check for check in converter_checks(early, t_max)}
    assert not found["saturation against T_max, worst polarity"].met
    blind = converter.assign(t_out=converter["t_out"].where(converter["t_out"].abs() > 0.03 * t_max, 0.0))
    name = "both converters, shorter pulses: worst distance from the line"
    dead_zone = {check.name: check.value for check in converter_checks(blind, t_max)}
    assert dead_zone[name] > 1.5 * values[name]
