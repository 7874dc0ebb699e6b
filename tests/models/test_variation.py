"""Fits of mismatch recover known random curves and converters; chips have the moments of SPICE samples."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gaincell.characterization.cache import Cache
from gaincell.characterization.execute import characterize
from gaincell.characterization.plan import Plan
from gaincell.characterization.table import read_table
from gaincell.circuits.errors import TableError
from gaincell.models import (
    ConverterVariation,
    Hardware,
    RailPattern,
    fit_converter_curve,
    fit_converter_variation,
    fit_mismatch,
    fit_random_curve,
)
from gaincell.models.fitting.converters import fit_bank_gain, fit_rail
from gaincell.models.fitting.variation import UNRESOLVED, cell_statistics

CONFIDENCE = 0.999
"""Probability that a comparison of many moments passes for samples of the same distribution."""


def critical(comparisons):
    """Two-sided limit of a standard normal number, by Bonferroni over the comparisons."""
    return stats.norm.isf((1 - CONFIDENCE) / (2 * comparisons))


def assert_same_moments(one, other, effective=None, omitted=0.0):
    """Means, standard deviations and correlations of two samples (n, k) differ by sampling error only.

    effective: number of samples behind the distribution of `one`; None for the size of `one`.
    omitted: difference of correlations beyond sampling error, from modes that a fit leaves out.
    """
    n, m, k = effective or len(one), len(other), one.shape[1]
    limit = critical(2 * k + k * (k - 1) // 2)
    error = np.sqrt(other.var(0) / n + other.var(0) / m)
    assert np.abs(one.mean(0) - other.mean(0)) / error == pytest.approx(0, abs=limit)
    kurtosis = stats.kurtosis(other, fisher=False)
    error = np.sqrt((kurtosis - 1) / 4 * (1 / n + 1 / m))
    assert np.log(one.std(0) / other.std(0)) / error == pytest.approx(0, abs=limit)
    above = np.triu_indices(k, 1)
    first, second = (np.corrcoef(values.T)[above] for values in (one, other))
    fisher = [np.arctanh(first - np.clip(first - second, -omitted, omitted)), np.arctanh(second)]
    error = np.sqrt((kurtosis.mean() - 1) / 2 * (1 / (n - 3) + 1 / (m - 3)))
    assert (fisher[0] - fisher[1]) / error == pytest.approx(0, abs=limit)


def process(samples, seed=0):
    """Curves 1 + z0 + 2 z1 v + 0.3 z2 sin(6 v): mean 1, and a covariance in closed form."""
    v = np.linspace(0, 0.9, 15)
    basis = np.stack([np.ones_like(v), 2 * v, 0.3 * np.sin(6 * v)])
    return v, basis, 1 + np.random.default_rng(seed).standard_normal((samples, 3)) @ basis


def test_covariance_of_a_known_process_is_recovered():
    v, _, curves = process(4000)
    fitted = fit_random_curve(v, curves, np.full(15, 0.9))
    assert fitted.rank == 3
    between = np.linspace(0.01, 0.88, 40)
    exact = np.stack([np.ones_like(between), 2 * between, 0.3 * np.sin(6 * between)])
    # With 4000 circuits the standard error of a variance is 2.2 %.
    assert fitted.covariance(between) == pytest.approx(exact.T @ exact, rel=4 * 0.022, abs=0.05)
    assert fitted.mean(between).numpy() == pytest.approx(0.1, abs=4 * 2 / 4000**0.5)
    assert fitted.covariance(v) == pytest.approx(np.cov(curves.T), rel=0.01)
    # Half of an unseen circuit's points determine its scores; the error left is that of the splines.
    assert fitted.errors.rms < 2e-3
    assert fitted.errors.held_out_points == 1000 * 7


def test_omitted_modes_have_at_most_the_allowed_share_of_variance():
    v, _, curves = process(500)
    coarse = fit_random_curve(v, curves, unresolved=0.2)
    assert coarse.rank == 2
    assert coarse.mean is None
    share = 1 - np.diag(coarse.covariance(v)) / curves.var(0, ddof=1)
    assert 0.005 < share.max() < 0.2
    assert share.min() > -1e-9


def test_identical_or_too_few_curves_are_refused():
    with pytest.raises(ValueError, match="was mismatch simulated"):
        fit_random_curve(np.arange(5.0), np.ones((20, 5)))
    with pytest.raises(ValueError, match="at least 8 circuits, got 3"):
        fit_random_curve(np.arange(5.0), np.ones((3, 5)))


def converters(samples, signed, noise=0.0):
    """Monte Carlo rows of converters with a known INL and known offsets and gains."""
    rng = np.random.default_rng(1)
    mean = np.array([1e-15, 0.01, -1e-15, 0.0][: 4 if signed else 2])
    factor = np.array([[2e-15, 0, 0, 0], [0.01, 0.02, 0, 0], [1e-15, 0, 1e-15, 0], [0, 0, 0, 0.03]])
    true = ConverterVariation(mean=mean, factor=factor[: len(mean), : len(mean)])
    parameters = true.parameters(rng.standard_normal((samples, len(mean))))
    rows = [
        (sample, charge, share == 0.5)
        for sample in range(samples)
        for share in (0.15, 0.5, 0.85)
        for charge in ((-share * 1e-13, share * 1e-13) if signed else (share * 1e-13,))
    ]
    table = pd.DataFrame(rows, columns=["sample", "charge", "held_out"])
    seen = true(table["charge"].to_numpy(), parameters[table["sample"]]).numpy()
    return true, parameters, table.assign(t_out=bend(seen) + noise * rng.standard_normal(len(seen)))


def bend(charge):
    """Transfer curve with 2 % of integral nonlinearity."""
    relative = charge / 1.2e-13
    return relative + 0.02 * np.sin(np.pi * relative)


@pytest.mark.parametrize("signed", [False, True])
def test_offset_and_gain_of_nonlinear_converters_are_recovered(signed):
    grid = np.linspace(-1.2e-13 if signed else 0.0, 1.2e-13, 801)
    curve = fit_converter_curve(grid, bend(grid), signed=signed)
    _, parameters, rows = converters(400, signed)
    fitted = fit_converter_variation(rows, curve, signed=signed)
    assert fitted.signed == signed
    assert fitted.mean == pytest.approx(parameters.mean(0), rel=1e-3, abs=2e-18)
    assert fitted.std == pytest.approx(parameters.std(0, ddof=1), rel=1e-3)
    stated = fitted.covariance / np.outer(fitted.std, fitted.std)
    assert stated == pytest.approx(np.corrcoef(parameters.T), abs=2e-3)
    assert fitted.errors.rms < 1e-4
    assert fitted.errors.held_out_points == 400 * (2 if signed else 1)


def test_error_of_a_converter_fit_equals_the_noise_of_its_rows():
    grid = np.linspace(0.0, 1.2e-13, 801)
    curve = fit_converter_curve(grid, bend(grid))
    rows = converters(400, False, noise=0.01)[2]
    # The line through the outer two points adds half of the noise of each to that of the middle one.
    assert fit_converter_variation(rows, curve, signed=False).errors.rms == pytest.approx(
        0.01 * 1.5**0.5, rel=0.1
    )


@pytest.mark.parametrize("signed", [False, True])
def test_gain_of_known_banks_is_recovered(signed):
    grid = np.linspace(-1.2e-13 if signed else 0.0, 1.2e-13, 801)
    curve = fit_converter_curve(grid, bend(grid), signed=signed)
    gain = np.random.default_rng(0).standard_normal((200, 2)) @ np.array([[0.02, 0.01], [0.0, 0.03]])
    rows = [
        (sample, charge, bend(charge * (1 + gain[sample, polarity])))
        for sample in range(200)
        for polarity, charge in enumerate((8e-14, -8e-14) if signed else (8e-14,))
    ]
    factor = fit_bank_gain(pd.DataFrame(rows, columns=["sample", "charge", "t_out"]), curve)
    exact = np.cov(gain.T) if signed else gain[:, :1].var(ddof=1)
    assert factor @ factor.T == pytest.approx(exact, rel=1e-3, abs=1e-6)


def rails(signed, drop, wide=0.02):
    """Rows of `supply_drop` whose offset and gain are a nonlinear converter's own plus `drop` times a
    parabola over the place, and that parabola at every converter."""
    own = np.array([1e-15, 0.01, -1e-15, 0.0][: 4 if signed else 2])
    rows = []
    for bank, r, places in (
        ("ideal", 0.0, [36.0]),
        ("all", wide, range(4, 64, 8)),
        ("all", 5 * wide, [32.0]),
    ):
        for place in places:
            known = ConverterVariation(
                mean=own + drop * r / wide * place * (64 - place), factor=0 * np.eye(len(own))
            )
            for share in (-0.85, -0.5, -0.15, 0.15, 0.5, 0.85)[0 if signed else 3 :]:
                charge = share * 1e-13
                seen = float(known(charge, known.mean))
                rows.append((r, bank, charge, abs(share) == 0.5, float(place), bend(seen)))
    columns = ["r_supply", "bank", "charge", "held_out", "place", "t_out"]
    at = np.arange(64) + 0.5
    return pd.DataFrame(rows, columns=columns), np.outer(at * (64 - at), drop)


@pytest.mark.parametrize("signed", [False, True])
def test_offset_and_gain_along_known_rails_are_recovered(signed):
    grid = np.linspace(-1.2e-13 if signed else 0.0, 1.2e-13, 4001)
    curve = fit_converter_curve(grid, bend(grid), signed=signed)
    drop = np.array([2e-19, 3e-6, -1e-19, 1e-6][: 4 if signed else 2])
    rows, exact = rails(signed, drop)
    fitted = fit_rail(rows, curve, 64, signed=signed)
    assert fitted.values[:, 1::2] == pytest.approx(exact[:, 1::2], rel=0.02, abs=1e-5)
    assert fitted.values[:, ::2] == pytest.approx(exact[:, ::2], rel=0.05, abs=1e-18)
    assert fitted.errors.rms < 1e-4
    assert fitted.errors.held_out_points == (16 if signed else 8)


def test_rails_without_resistance_add_nothing():
    rows = rails(False, np.zeros(2))[0]
    grid = np.linspace(0.0, 1.2e-13, 801)
    fitted = fit_rail(rows[rows["bank"] == "ideal"], fit_converter_curve(grid, bend(grid)), 64, signed=False)
    assert fitted.values.shape == (64, 2)
    assert not fitted.values.any()


def test_rails_add_to_the_converters_of_every_chip_by_their_place():
    plain = Hardware.from_pretrained("generic28")
    values = np.outer(np.arange(64.0), [1e-16, 1e-3, -1e-16, 2e-3])

    def chip(seed, **rail):
        parts = {
            name: getattr(plain.mismatch, name).model_copy(update={"rail": rail.get(name)})
            for name in ("phi", "readout")
        }
        return plain.model_copy(update={"mismatch": plain.mismatch.model_copy(update=parts)}).chip(seed)

    ring = np.array([3, 64 + 3, 200])
    for seed in (0, 1):
        with_rails = chip(seed, phi=RailPattern(values=values[:, :2]), readout=RailPattern(values=values))
        added = with_rails.relus(0, 2, ring) - chip(seed).relus(0, 2, ring)
        assert added == pytest.approx(np.broadcast_to(values[ring % 64, :2], added.shape), rel=1e-6)
        added = with_rails.readouts(0, 2, 1, 66) - chip(seed).readouts(0, 2, 1, 66)
        assert added == pytest.approx(np.broadcast_to(values[[*range(64), 63, 63]], added.shape), rel=1e-6)


def test_variation_without_rails_has_the_digest_of_earlier_versions():
    plain = Hardware.from_pretrained("generic28").mismatch.phi.model_copy(update={"rail": None})
    assert set(plain.model_dump()) == set(type(plain).model_fields) - {"rail"}
    assert plain.model_validate(plain.model_dump()).rail is None


def test_rails_scale_with_the_full_scale_and_need_one_column_per_parameter():
    rail = RailPattern(values=np.full((8, 2), 0.5))
    variation = ConverterVariation(mean=[0.0, 0.0], factor=np.eye(2), rail=rail)
    assert variation.scaled(2.0).rail.values[0].tolist() == [1.0, 0.5]
    with pytest.raises(ValueError, match=r"rail: need shape \(places, 2\), got \(8, 4\)"):
        ConverterVariation(mean=[0.0, 0.0], factor=np.eye(2), rail=RailPattern(values=np.ones((8, 4))))


@pytest.mark.parametrize("excess", [-1e-6, 0.0, 1e-6])
def test_saturated_pulses_are_inverted_at_the_knee(excess):
    """Full-scale pulses differ by one time step of the simulator and must not be inverted at the table's
    end."""
    grid = np.linspace(-2e-13, 2e-13, 801)
    curve = fit_converter_curve(grid, np.clip(grid / 1e-13, -1, 1), signed=True)
    pulses = {0: 0.8, 1: 0.9, 2: 1.0 + excess}
    rows = [(sample, sign * 8e-14, sign * width) for sample, width in pulses.items() for sign in (1, -1)]
    factor = fit_bank_gain(pd.DataFrame(rows, columns=["sample", "charge", "t_out"]), curve)
    assert (factor @ factor.T).diagonal() == pytest.approx(np.var([0.0, 0.125, 0.25], ddof=1), rel=0.01)


def test_gain_and_offset_of_known_cells_are_recovered():
    rng = np.random.default_rng(0)
    levels = np.array([0.0, 0.45, 0.9])
    gain, offset = rng.normal(4e-14, 2e-15, (300, 3)), rng.normal(0, 3e-17, (300, 3))
    offset[:, 1] += 0.01 * (gain[:, 1] - 4e-14)
    full = pd.DataFrame(gain + offset, columns=levels)
    short = pd.DataFrame(0.25 * gain + offset, columns=levels)
    short.attrs["t_pulse"] = 4e-9
    found = cell_statistics(full, short, 16e-9)
    assert found.gain_std == pytest.approx(gain.std(0, ddof=1))
    assert found.offset_std == pytest.approx(offset.std(0, ddof=1))
    pairs = [np.corrcoef(gain[:, i], offset[:, i])[0, 1] for i in range(3)]
    assert found.gain_offset_correlation == pytest.approx(pairs)
    assert found.correlation == pytest.approx(np.corrcoef(gain.T))


def test_mismatch_is_none_without_tables():
    assert fit_mismatch({}, Hardware.from_pretrained("generic28"), "cmos") is None


def chip_charges(hardware, volts, seed=0):
    """Charge (C) of a full read of every cell of two sub-tiles on one chip, shape (cells, volts)."""
    chip = hardware.chip(seed)
    scores = chip.reads(0, 1, 2, np.arange(2 * hardware.columns), hardware.rows)
    scores = scores.reshape(len(scores), -1, 1)
    deviation = chip.mismatch.cell(np.broadcast_to(volts, (scores.shape[1], len(volts))), scores).numpy()
    return hardware.transfer(volts).numpy() + hardware.edge + deviation


def spice_charges(table):
    """Stored voltages, and charges (C) of full reads in the Monte Carlo table, cells in rows."""
    full = table[np.isclose(table["t_pulse"], table["t_pulse"].max(), atol=0)]
    curves = full.pivot(index="sample", columns="v_store", values="q_bl").dropna()
    return curves.columns.to_numpy(), curves.to_numpy()


def spice(name, samples, folder):
    plan = Plan(name="few", procedures=(name,), samples=samples, seed=3)
    assert characterize(plan, folder, jobs=1, cache=Cache(folder / "cache")).failed == 0
    return read_table(folder, name)


def test_chip_cells_have_the_moments_of_unseen_spice_cells(tmp_path):
    table = spice("cell_mismatch", 80, tmp_path)
    plain = Hardware.from_pretrained("generic28")
    fitted = fit_mismatch({"cell_mismatch": table[table["sample"] < 40]}, plain, "cmos")
    hardware = plain.model_copy(update={"mismatch": fitted})
    volts, unseen = spice_charges(table[table["sample"] >= 40])
    compare = partial(assert_same_moments, chip_charges(hardware, volts[::2]), effective=40)
    compare(unseen[:, ::2])
    # The comparison fails for samples with half of the deviation.
    with pytest.raises(AssertionError):
        compare(unseen[:, ::2].mean(0) + 0.5 * (unseen[:, ::2] - unseen[:, ::2].mean(0)))


@pytest.mark.slow
def test_chip_converters_have_the_moments_of_unseen_spice_converters(tmp_path):
    table = spice("converter_mismatch", 60, tmp_path)
    plain = Hardware.from_pretrained("generic28")
    fitted = fit_mismatch({"converter_mismatch": table[table["sample"] < 30]}, plain, "cmos")
    rest = fit_mismatch({"converter_mismatch": table[table["sample"] >= 30]}, plain, "cmos")
    assert_same_converters(plain.model_copy(update={"mismatch": fitted}), rest, 30, 30)


def assert_same_converters(hardware, spice, fitted, samples):
    """Patterns of a chip against offsets and gains with the moments of `spice`, as from `samples` samples."""
    # Without banks and rails: what a bank shares and where a converter sits come from other tables.
    without_banks = {
        name: getattr(hardware.mismatch, name).model_copy(update={"bank": None, "rail": None})
        for name in ("phi", "readout")
    }
    mismatch = hardware.mismatch.model_copy(update=without_banks)
    chip = hardware.model_copy(update={"mismatch": mismatch}).chip(1)
    relus = chip.relus(0, 16, np.arange(512)).reshape(-1, 2)
    readouts = np.concatenate([chip.readouts(0, 16, tile, 64) for tile in range(8)]).reshape(-1, 4)
    for numbers, stated in ((relus, spice.phi), (readouts, spice.readout)):
        normals = np.random.default_rng(0).standard_normal((samples, len(stated.mean)))
        # Numbers with exactly the mean and covariance of the Monte Carlo samples.
        normals = (normals - normals.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(normals.T))).T
        assert_same_moments(numbers, stated.parameters(normals), effective=fitted)


@pytest.fixture(scope="module")
def shipped():
    """Shipped hardware and its Monte Carlo tables."""
    from gaincell import characterization

    folder = next(iter(characterization.__path__)) + "/tables/generic28"
    try:
        tables = {name: read_table(folder, name) for name in ("cell_mismatch", "converter_mismatch")}
    except TableError as error:
        pytest.skip(f"no shipped Monte Carlo tables: {error}")
    return Hardware.from_pretrained("generic28"), tables


def test_shipped_chip_cells_have_the_moments_of_the_shipped_table(shipped):
    hardware, tables = shipped
    volts, charges = spice_charges(tables["cell_mismatch"])
    assert len(charges) >= 1000
    assert_same_moments(chip_charges(hardware, volts[::2]), charges[:, ::2], omitted=UNRESOLVED)


def test_shipped_chip_converters_have_the_moments_of_the_shipped_table(shipped):
    hardware, tables = shipped
    rows = tables["converter_mismatch"]
    assert rows.groupby("signed")["sample"].nunique().min() >= 200
    assert_same_converters(hardware, fit_mismatch({"converter_mismatch": rows}, hardware, "cmos"), 8192, 200)
