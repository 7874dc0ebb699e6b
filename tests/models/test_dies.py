import numpy as np
import pandas as pd
import pytest
from dies import STRENGTHS, charge, full_scale, hardware_at, local

from gaincell.characterization.table import SHIPPED_TABLES
from gaincell.circuits.errors import HardwareError
from gaincell.models import Hardware, fit_spline
from gaincell.models.curves import combine_curves
from gaincell.models.dies import SIGMAS, DieSet, corner_weights, draw_die

X = np.linspace(0, 1, 101)


def dies(temperatures=(-40.0, 125.0), **update) -> DieSet:
    return DieSet.of([hardware_at(corner, t) for corner in STRENGTHS for t in temperatures], **update)


def test_weights_are_one_at_the_corners_and_reproduce_the_strengths_between_them():
    for corner, (n, p) in STRENGTHS.items():
        assert corner_weights(SIGMAS * n, SIGMAS * p)[corner] == pytest.approx(1)
    rng = np.random.default_rng(1)
    for n, p in rng.uniform(-SIGMAS, SIGMAS, (200, 2)):
        weights = corner_weights(n, p)
        assert min(weights.values()) >= 0
        assert len(weights) == 3
        assert sum(weights.values()) == pytest.approx(1)
        mean = sum(w * np.array(STRENGTHS[name]) for name, w in weights.items())
        np.testing.assert_allclose(SIGMAS * mean, [n, p], atol=1e-12)


def test_strengths_beyond_the_corners_are_refused():
    with pytest.raises(HardwareError, match="lie beyond the corners"):
        corner_weights(3.01, 0.0)


def test_a_die_follows_its_strengths_and_temperature():
    found = dies().at(1.5, -0.6, 60.0)
    expected = charge(X, 0.5, -0.2, 60.0)
    # Splines round the kink of the closed form at the zero.
    np.testing.assert_allclose(found.transfer(0.9 * X), expected, atol=5e-4 * 4e-14)
    assert found.q_sat_1 == pytest.approx(full_scale(0.5, -0.2, 60.0), rel=1e-12)
    weights = [part["weight"] for part in found.provenance["interpolated"]["from"]]
    assert len(weights) == 6
    assert sum(weights) == pytest.approx(1)


def test_a_die_at_a_fitted_condition_is_the_fitted_hardware():
    assert dies().at(SIGMAS, -SIGMAS, 125.0) == hardware_at("fs", 125.0)
    assert dies((-40.0, 27.0)).at(0.0, 0.0, 27.0) == hardware_at()


def test_draws_are_repeatable_independent_and_of_the_stated_distribution():
    drawn = [draw_die(index, temperature=(-40.0, 125.0), seed=5) for index in range(4000)]
    assert drawn[:7] == [draw_die(index, temperature=(-40.0, 125.0), seed=5) for index in range(7)]
    assert drawn[0] != draw_die(0, temperature=(-40.0, 125.0), seed=6)
    values = np.array([(die.n, die.p, die.temperature) for die in drawn])
    assert np.abs(values[:, :2]).max() <= SIGMAS
    assert values[:, 2].min() >= -40
    assert values[:, 2].max() <= 125
    # Within four standard errors.
    np.testing.assert_allclose(values[:, :2].mean(0), 0, atol=4 / np.sqrt(4000))
    np.testing.assert_allclose(values[:, :2].std(0), 0.987, atol=4 / np.sqrt(8000))
    assert np.abs(np.corrcoef(values.T) - np.eye(3)).max() < 4 / np.sqrt(4000)
    assert values[:, 2].std() == pytest.approx(165 / np.sqrt(12), rel=0.03)
    assert len({die.chip for die in drawn}) > 3990


@pytest.mark.parametrize("temperature", [-40.0, 27.0, 125.0])
def test_the_typical_corner_lies_between_the_simulated_others(temperature):
    """Shipped simulations over corners: tt predicted without it."""
    rows = pd.read_parquet(SHIPPED_TABLES / "generic28" / "cell_corners.parquet")
    rows = rows[(rows["temperature"] == temperature) & np.isclose(rows["vdd"], 0.9)]
    cells = {name: fit_spline(own["stored"], own["q_bl"]) for name, own in rows.groupby("corner")}
    truth = cells.pop("tt")(X).numpy()
    found = combine_curves(list(cells.values()), [0.25] * 4, [1.0] * 4)(X).numpy()
    assert np.abs(found - truth).max() < 0.015 * np.abs(truth).max()
    zeros = [np.interp(0.0, charge, 0.9 * X) for charge in (found, truth)]
    assert zeros[0] == pytest.approx(zeros[1], abs=0.5e-3)
    # The zeros of the skewed corners are far from it.
    assert np.interp(0.0, cells["fs"](X), 0.9 * X) < zeros[1] - 0.03


def test_local_mismatch_is_scaled_to_the_die():
    found = dies(local=hardware_at(mismatch=local())).at(0.0, 0.0, 125.0)
    ratio = found.q_sat_1 / hardware_at().q_sat_1
    np.testing.assert_allclose(found.mismatch.phi.std, local().phi.std * [ratio, 1.0])
    one = [hardware_at(c, t) for c in STRENGTHS for t in (-40.0, 125.0)] + [hardware_at(mismatch=local())]
    found = DieSet.of(one).at(0.3, 0.2, 100.0)
    ratio = found.q_sat_1 / hardware_at().q_sat_1
    np.testing.assert_allclose(found.mismatch.phi.std, local().phi.std * [ratio, 1.0])


def test_each_corner_has_temperatures_of_its_own():
    some = [hardware_at(corner, t) for corner in STRENGTHS for t in (-40.0, 125.0)]
    found = DieSet.of([*some, hardware_at("tt", 27.0), hardware_at("ss", 150.0)])
    assert found.temperatures == (-40.0, 125.0)
    assert found.at(0.0, 0.0, 27.0) == hardware_at()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda parts: parts[:-2], "no hardware of corner sf"),
        (lambda parts: [*parts, parts[0]], "two fits are of tt, -40 C, 0.9 V"),
        (
            lambda parts: [
                *parts,
                parts[0].model_copy(
                    update={"provenance": {"condition": {"corner": "wc", "temperature": 0, "vdd": 0.9}}}
                ),
            ],
            "corner wc is none of tt, ff, ss, fs, sf",
        ),
    ],
)
def test_sets_that_no_die_can_be_drawn_from_are_refused(change, message):
    parts = [hardware_at(corner, t) for corner in STRENGTHS for t in (-40.0, 125.0)]
    with pytest.raises(HardwareError, match=message):
        DieSet.of(change(parts))


def sized(hardware: Hardware, **designs) -> Hardware:
    condition = hardware.provenance["condition"] | {"designs": designs}
    return hardware.model_copy(update={"provenance": {"condition": condition}})


def test_dies_differ_in_their_trim_but_not_in_their_sizes():
    parts = [
        sized(hardware_at(corner, t), references={"top": i}, converter={"i_ramp": i + t, "w_rst": 3e-6})
        for i, corner in enumerate(STRENGTHS)
        for t in (-40.0, 125.0)
    ]
    assert len(DieSet.of(parts).fitted) == 10
    parts[3] = sized(parts[3], references={"top": 1}, converter={"i_ramp": 1, "w_rst": 4e-6})
    with pytest.raises(HardwareError, match="hardware of ff, 125 C, 0.9 V is of other circuits"):
        DieSet.of(parts)


def test_a_temperature_that_one_corner_lacks_is_refused():
    with pytest.raises(HardwareError, match="corner tt was fitted at -40 C to 125 C"):
        dies().at(1.0, 1.0, 130.0)


def test_a_set_is_read_from_folders(tmp_path):
    for corner in STRENGTHS:
        cold = hardware_at(corner, -40.0)
        hot = hardware_at(corner, 125.0)
        if corner == "tt":
            cold.model_copy(update={"fitted_at": (hot,)}).save_pretrained(tmp_path / "both" / "hardware")
        else:
            cold.save_pretrained(tmp_path / f"{corner}_cold")
            hot.save_pretrained(tmp_path / f"{corner}_hot" / "hardware")
    assert DieSet.load(tmp_path).at(1.0, 0.5, 0.0) == dies().at(1.0, 0.5, 0.0)
    with pytest.raises(HardwareError, match="run: gaincell corners"):
        DieSet.load(tmp_path / "nothing")
    assert isinstance(DieSet.load(tmp_path).fitted[0], Hardware)
