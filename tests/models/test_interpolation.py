import numpy as np
import pandas as pd
import pytest
from dies import hardware_at, local, time_constant
from pydantic import ValidationError

from gaincell.characterization.table import SHIPPED_TABLES
from gaincell.circuits.errors import HardwareError
from gaincell.models import Hardware, Polynomial, fit_retention, fit_spline
from gaincell.models.combination import combine
from gaincell.models.curves import combine_curves
from gaincell.models.interpolation import grid_weights

X = np.linspace(0, 1, 201)


def die(*conditions, **update) -> Hardware:
    """A die fitted at 27 C, 0.9 V and at other (temperature, supply)."""
    others = tuple(hardware_at("tt", *condition) for condition in conditions)
    return hardware_at(**update).model_copy(update={"fitted_at": others})


def test_combined_splines_are_the_weighted_sum_everywhere():
    rng = np.random.default_rng(0)
    one, other = (fit_spline(np.sort(rng.uniform(0, 1, n)), rng.normal(size=n)) for n in (9, 14))
    found = combine_curves([one, other], [0.3, -1.7], [1.1, 0.8])
    x = np.linspace(-1, 2, 3001)
    expected = 0.3 * one(x / 1.1) - 1.7 * other(x / 0.8)
    np.testing.assert_allclose(found(x), expected, atol=1e-10 * float(expected.abs().max()))
    assert len(found.knots) == len(one.knots) + len(other.knots)


def test_combined_polynomials_are_the_weighted_sum_whatever_their_centers():
    one, other = Polynomial(coefficients=[1, 2, 3], center=0.4), Polynomial(coefficients=[1, 0, 0, 5])
    found = combine_curves([one, other], [0.5, 2.0], [1.0, 0.5])
    np.testing.assert_allclose(found(X), 0.5 * one(X) + 2 * other(X / 0.5), rtol=1e-12)


def test_common_knots_stay_single():
    curve = fit_spline(X, np.sin(X))
    third = combine_curves([curve, curve, curve], [0.2, 0.3, 0.5], [1.0, 1.0 + 1e-14, 1.0])
    np.testing.assert_allclose(third.knots, curve.knots)
    np.testing.assert_allclose(third.coefficients, curve.coefficients, rtol=1e-12)


@pytest.mark.parametrize("condition", [(27.0, 0.9), (-40.0, 0.9), (125.0, 0.9)])
def test_hardware_at_a_fitted_condition_is_the_fitted_one(condition):
    assert die((-40.0, 0.9), (125.0, 0.9)).at(*condition) == hardware_at("tt", *condition)


def test_curves_between_temperatures_follow_the_inverse_temperature():
    found = die((-40.0, 0.9), (125.0, 0.9)).at(85.0)
    truth = hardware_at("tt", 85.0)
    peak = float(truth.transfer(X).abs().max())
    for name in truth.cells:
        np.testing.assert_allclose(found.cells[name](0.9 * X), truth.cells[name](0.9 * X), atol=1e-12 * peak)
    assert found.q_sat_1 == pytest.approx(truth.q_sat_1, rel=1e-12)
    inside = np.linspace(0.1, 0.85, 101) * truth.q_sat_2
    np.testing.assert_allclose(found.readout(-inside), truth.readout(-inside), atol=1e-9)
    np.testing.assert_allclose(found.phi(inside), truth.phi(inside), atol=1e-9)
    assert found.energy.stages[1].law.curve(0.45) == pytest.approx(0.5e-14)
    assert found.timing.latency == pytest.approx(6e-8)
    assert not found.fitted_at


def test_levels_scale_with_the_supply():
    found = die((27.0, 0.99)).at(vdd=0.945)
    assert (found.v_min, found.v_zero, found.v_max) == pytest.approx((0, 0.4725, 0.945))
    truth = hardware_at(vdd=0.945)
    np.testing.assert_allclose(found.transfer(X * 0.945), truth.transfer(X * 0.945), atol=1e-12 * 4e-14)
    np.testing.assert_allclose(found.write(X * 0.945), truth.write(X * 0.945), rtol=1e-12)
    np.testing.assert_allclose(found.retention(X * 0.945, 0.1), truth.retention(X * 0.945, 0.1), atol=1e-5)


@pytest.mark.parametrize("temperature", [0.0, 85.0])
def test_retention_follows_an_arrhenius_law(temperature):
    found = die((-40.0, 0.9), (125.0, 0.9)).at(temperature)
    tau = time_constant(temperature)
    assert found.retention.retention_time(8, 0.0, 0.9).min() == pytest.approx(tau * np.log(7 / 6), rel=0.02)
    ages = tau * np.geomspace(1e-3, 3, 20)
    x = np.array([0.0, 0.2, 0.9, 1.0])[:, None]
    expected = 0.45 + (x - 0.5) * 0.9 * np.exp(-ages / tau)
    np.testing.assert_allclose(found.retention(0.9 * x, ages), expected, atol=0.01)
    aged, fresh = found.aging["table"], found.cells["table"]
    first = ages[ages < aged.box["age"][1]]
    drifted = fresh(found.retention(0.9 * x, first))
    np.testing.assert_allclose(aged(0.9 * x, first), drifted, atol=3e-3 * 4e-14)


def test_retention_between_simulated_temperatures_is_near_the_simulated_one():
    """Shipped simulations at five temperatures: 27 C from 0 and 55 C, and from 0 and 125 C.

    Up to 55 C gate tunnelling decides, which the temperature hardly changes; at 125 C junctions and channels.
    One exponential through both mechanisms is too pessimistic between them.
    """
    rows = pd.read_parquet(SHIPPED_TABLES / "generic28" / "cell_retention.parquet")
    rows = rows[(rows["write_device"] == "cmos") & np.isclose(rows["v_rest"], 0.45)]
    tables = {
        t: fit_retention(own["v_store"], own["age"], own["v_aged"]) for t, own in rows.groupby("temperature")
    }
    truth = tables[27.0].retention_time(8, 0.0, 0.9).min()
    for hot, low, high in ((55.0, 0.98, 1.02), (125.0, 0.5, 1.0)):
        parts = [hardware_at(temperature=t, retention=tables[t], aging={}) for t in (0.0, hot)]
        found = parts[0].model_copy(update={"fitted_at": (parts[1],)}).at(27.0).retention
        assert low < found.retention_time(8, 0.0, 0.9).min() / truth < high


@pytest.mark.parametrize("corner", ["tt", "ff", "ss", "fs", "sf"])
@pytest.mark.parametrize("vdd", [0.81, 0.9, 0.99])
def test_cells_between_simulated_temperatures_are_near_the_simulated_ones(corner, vdd):
    """Shipped simulations over corners: charge of a full read at 27 C, from -40 and 125 C."""
    rows = pd.read_parquet(SHIPPED_TABLES / "generic28" / "cell_corners.parquet")
    rows = rows[(rows["corner"] == corner) & np.isclose(rows["vdd"], vdd)]
    curves = {t: fit_spline(own["stored"], own["q_bl"]) for t, own in rows.groupby("temperature")}
    weights = grid_weights([(-40.0, vdd), (125.0, vdd)], 27.0, vdd, of="the cell")
    found = combine_curves([curves[-40.0], curves[125.0]], weights, [1.0, 1.0])
    truth = curves[27.0](X)
    assert float((found(X) - truth).abs().max() / truth.abs().max()) < 0.011
    # Linear in the temperature itself.
    found = combine_curves([curves[-40.0], curves[125.0]], [98 / 165, 67 / 165], [1.0, 1.0])
    assert float((found(X) - truth).abs().max() / truth.abs().max()) > 0.025


def test_weights_are_linear_in_supply_and_inverse_temperature():
    points = [(t, v) for t in (0.0, 100.0) for v in (0.8, 1.0)]
    warm = (1 / 273.15 - 1 / 298.15) / (1 / 273.15 - 1 / 373.15)
    expected = [(1 - warm) * 0.25, (1 - warm) * 0.75, warm * 0.25, warm * 0.75]
    np.testing.assert_allclose(grid_weights(points, 25.0, 0.95, of="it"), expected)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"temperature": 126.0}, "-40 C to 125 C, which says nothing of 126 C"),
        ({"temperature": float("nan")}, "which says nothing of nan C"),
        ({"vdd": 0.8}, "fitted at 0.9 V to 0.99 V, which says nothing of 0.8 V"),
        ({"temperature": 0.0, "vdd": 0.95}, "was not fitted at -40 C, 0.99 V"),
    ],
)
def test_conditions_that_were_not_fitted_are_refused(where, message):
    with pytest.raises(HardwareError, match=message):
        die((-40.0, 0.9), (125.0, 0.9), (27.0, 0.99)).at(**where)


def test_published_hardware_has_no_condition():
    with pytest.raises(HardwareError, match="does not say at which corner"):
        Hardware.from_pretrained("leroux2025").at(27.0)


def test_other_circuits_are_not_combined():
    other = hardware_at(temperature=125.0, t_pulse_max=20e-9)
    with pytest.raises(HardwareError, match="t_pulse_max: 1.5e-08 and 2e-08"):
        hardware_at().model_copy(update={"fitted_at": (other,)}).at(85.0)
    with pytest.raises(HardwareError, match="noise: "):
        combine([hardware_at(), hardware_at(temperature=125.0, noise=None)], [0.5, 0.5])


@pytest.mark.parametrize("other", [hardware_at(), hardware_at("ss", 125.0)])
def test_other_conditions_have_to_be_those_of_the_same_die(other):
    with pytest.raises(ValidationError, match="fitted_at"):
        hardware_at(fitted_at=(other,))


def test_choices_of_the_user_hold_at_every_condition():
    hardware = die((125.0, 0.9)).with_cell("poly3").model_copy(update={"window": 64, "name": "mine"})
    for temperature in (85.0, 125.0):
        found = hardware.at(temperature)
        assert (found.cell, found.window, found.name) == ("poly3", 64, "mine")


def test_mismatch_of_one_condition_is_scaled_to_the_others():
    hardware = die((125.0, 0.9), mismatch=local())
    for temperature in (85.0, 125.0):
        found = hardware.at(temperature)
        ratio = found.q_sat_1 / hardware.q_sat_1
        assert 0.85 < ratio < 0.97
        np.testing.assert_allclose(found.mismatch.phi.std, local().phi.std * [ratio, 1.0])
        np.testing.assert_allclose(
            found.mismatch.cell.covariance(0.9 * X), ratio**2 * local().cell.covariance(0.9 * X), rtol=1e-9
        )


def test_other_conditions_are_saved_and_do_not_change_the_digest(tmp_path):
    hardware = die((-40.0, 0.9), (125.0, 0.9), mismatch=local())
    hardware.save_pretrained(tmp_path)
    loaded = Hardware.from_pretrained(tmp_path)
    assert loaded.digest == hardware.digest == hardware_at(mismatch=local()).digest
    assert [part.digest for part in loaded.fitted_at] == [part.digest for part in hardware.fitted_at]
    assert loaded.at(85.0) == hardware.at(85.0)
    assert loaded.at(85.0).provenance["interpolated"]["from"][1]["temperature"] == 125.0
    loaded.at(85.0).save_pretrained(tmp_path / "warm")
    assert Hardware.from_pretrained(tmp_path / "warm") == hardware.at(85.0)


def test_combination_of_five_corners_is_their_mean():
    parts = [hardware_at(corner) for corner in ("tt", "ff", "ss", "fs", "sf")]
    found, typical = combine(parts, [0.2] * 5), parts[0]
    np.testing.assert_allclose(found.transfer(0.9 * X), typical.transfer(0.9 * X), atol=1e-12 * 4e-14)
    np.testing.assert_allclose(found.retention(0.9 * X, 0.1), typical.retention(0.9 * X, 0.1), atol=1e-12)
