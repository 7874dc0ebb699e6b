import json

import numpy as np
import pytest
from pydantic import ValidationError

from gaincell.circuits.errors import GaincellError, HardwareError
from gaincell.models import (
    ColumnModel,
    ConverterVariation,
    Hardware,
    Mismatch,
    Polynomial,
    RandomCurve,
    fit_converter_curve,
    fit_separable_aging,
    fit_spline,
    shipped_hardware,
)
from gaincell.models.published import CELL_COEFFICIENTS, ideal, leroux2025

VOLTS = np.linspace(0, 0.9, 31)


def fitted_hardware() -> Hardware:
    """A small hardware with one of each kind of surrogate."""
    cell = fit_spline(VOLTS, np.sinh(4 * (VOLTS - 0.45)) * 1e-15)
    charge = np.linspace(-1e-13, 4e-13, 41)
    return Hardware(
        name="small",
        origin="simulated",
        cells={"table": cell, "linear": Polynomial(coefficients=[0, 1e-14], center=0.45)},
        cell="table",
        q_sat_1=3e-13,
        q_sat_2=2e-13,
        column_1=ColumnModel(
            loading=cell, coefficients=[[0, -0.5], [0, 0]], q_scale=1e-13, box={"a": (-1, 1), "u": (0, 1)}
        ),
        phi=fit_converter_curve(charge, np.clip(charge / 3e-13, 0, 1)),
        aging={"table": fit_separable_aging(cell, lambda v, age: v * np.exp(-age), np.linspace(0, 1, 9))},
        mismatch=Mismatch(
            cell=RandomCurve(modes=(cell, cell)),
            phi=ConverterVariation(mean=[1e-16, 0.0], factor=[[1e-16, 0.0], [0.01, 0.02]]),
        ),
        provenance={"technology": "none", "seed": 3},
    )


@pytest.mark.parametrize("make", [leroux2025, ideal, fitted_hardware])
def test_saved_hardware_loads_as_an_equal_value(make, tmp_path):
    hardware = make()
    hardware.save_pretrained(tmp_path / "hw")
    loaded = Hardware.from_pretrained(tmp_path / "hw")
    assert loaded == hardware
    assert loaded.digest == hardware.digest
    assert loaded.provenance == hardware.provenance
    assert sorted(path.name for path in (tmp_path / "hw").iterdir()) == [
        "hardware.json",
        "hardware.safetensors",
    ]


@pytest.mark.parametrize("make", [leroux2025, ideal])
def test_shipped_files_equal_the_published_hardware(make):
    assert Hardware.from_pretrained(make().name).model_dump_json() == make().model_dump_json()
    assert make().name in shipped_hardware()


def test_published_cell_is_the_polynomial_of_the_paper():
    # The sum over C_ij x^i V_in^j, term by term
    cell = leroux2025().transfer
    for v in (0.0, 0.3, 0.45, 0.9):
        direct = sum(
            c * (v - 0.45) ** i * 0.9**j for i, row in enumerate(CELL_COEFFICIENTS) for j, c in enumerate(row)
        )
        assert cell(v).item() == pytest.approx(direct, rel=1e-12)
    np.testing.assert_allclose(cell.coefficients, [0.5214, 13.612, -2.620, 46.055], atol=6e-4)


def test_published_energies_sum_to_the_published_total():
    hardware = leroux2025()
    assert sum(stage.law.joules for stage in hardware.energy.stages) == pytest.approx(6.15e-9)
    assert hardware.timing.latency == 65e-9
    assert {stage.origin for stage in hardware.energy.stages} == {"published"}


def test_with_cell_changes_the_curve_and_its_error_lists_the_cells():
    linear = leroux2025().with_cell("linear")
    assert linear.transfer(0.55).item() == pytest.approx(1.93)
    with pytest.raises(HardwareError, match="linear, nonlinear"):
        leroux2025().with_cell("cubic")


def test_error_for_an_unknown_name_lists_the_shipped_hardware():
    with pytest.raises(GaincellError, match="ideal, leroux2025|ideal.*leroux2025"):
        Hardware.from_pretrained("leroux2026")


def test_shipped_name_has_precedence_over_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ideal").mkdir()
    assert Hardware.from_pretrained("ideal") == ideal()
    with pytest.raises(HardwareError, match="no hardware.json"):
        Hardware.from_pretrained("./ideal")


def damage_json(directory):
    (directory / "hardware.json").write_text("{")


def damage_tensors(directory):
    (directory / "hardware.safetensors").write_bytes(b"short")


def remove_tensors(directory):
    (directory / "hardware.safetensors").unlink()


def mix_two_saves(directory):
    leroux2025().save_pretrained(directory.parent / "other")
    (directory.parent / "other" / "hardware.safetensors").replace(directory / "hardware.safetensors")


def remove_json(directory):
    (directory / "hardware.json").unlink()


def future_format(directory):
    path = directory / "hardware.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))


def unknown_key(directory):
    path = directory / "hardware.json"
    document = json.loads(path.read_text())
    document["hardware"]["colour"] = "red"
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_json, "damaged"),
        (damage_tensors, "damaged"),
        (remove_tensors, "damaged"),
        (mix_two_saves, "does not belong"),
        (remove_json, "gaincell fit"),
        (future_format, "format 99"),
        (unknown_key, "colour"),
    ],
)
def test_damaged_hardware_is_refused_with_its_cause(tmp_path, damage, message):
    fitted_hardware().save_pretrained(tmp_path / "hw")
    damage(tmp_path / "hw")
    with pytest.raises(HardwareError, match=message):
        Hardware.from_pretrained(tmp_path / "hw")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cell": "none"}, "cell='none'"),
        ({"v_zero": 1.0}, "v_zero=1.0"),
        ({"levels": {"output": 31}}, "multiple of 2"),
        ({"decay_per_token": 1e-4}, "polynomial cells only"),
    ],
)
def test_contradictory_fields_are_refused_with_their_values(change, message):
    values = fitted_hardware().model_dump() | change
    with pytest.raises(ValidationError, match=message):
        Hardware.model_validate(values)
