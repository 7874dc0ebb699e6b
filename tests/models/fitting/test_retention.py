"""Retention times, disturbance, refresh and token decay of storage with known answers."""

import numpy as np
import pandas as pd
import pytest

from gaincell.models import Hardware, Polynomial, Retention
from gaincell.models.fitting.retention import disturbances, retention_times, storage_report
from gaincell.models.fitting.write_port import fit_write, port_checks, write_energy

VDD, TAU = 0.9, 1e-3
AGES = np.r_[0.0, np.geomspace(1e-7, 1e-1, 241)]
DESIGNS = {
    "cell": {"t_write": 10e-9},
    "array": {"rows": 64, "columns": 64},
    "levels": {"key": 8},
}
CONDITION = {"vdd": VDD, "designs": DESIGNS}


def leaky(v_rest, celsius=27.0, tau=TAU):
    """Rows of cell_retention for a leak of time constant `tau` (s) towards the bit line."""
    stored, age = np.meshgrid(np.linspace(0, VDD, 8), AGES, indexing="ij")
    aged = v_rest + (stored - v_rest) * np.exp(-age / tau)
    columns = {"v_store": stored.ravel(), "age": age.ravel(), "v_aged": aged.ravel()}
    rows = {"write_device": "cmos", "temperature": celsius, "v_rest": v_rest, **columns}
    return pd.DataFrame(rows)


def writes(e_bit_line=2e-15, e_word_line=1e-15):
    target = np.linspace(0, VDD, 29)
    return pd.DataFrame(
        {
            "write_device": "cmos",
            "v_target": target,
            "v_written": target + 1e-3,
            "e_bit_line": e_bit_line,
            "e_word_line": e_word_line,
        }
    )


def path(offset=2e-3):
    target = np.repeat(np.linspace(0, VDD, 8), 2)
    rows = {"write_device": "cmos", "t_write": 10e-9, "v_target": target, "v_written": target + offset}
    full = pd.DataFrame({**rows, "e_write": 20e-15})
    short = full.assign(t_write=2e-9, v_written=0.0, e_write=1.0)
    return pd.concat([full, short], ignore_index=True)


def exponential(tau=TAU):
    volts = np.linspace(0, VDD, 8)
    drift = (volts[:, None] - VDD / 2) * np.expm1(-AGES[None, :] / tau)
    return Retention(voltages=volts, ages=AGES, drift=drift)


def hardware(**fields):
    cell = Polynomial(coefficients=[0.0, 1.0], center=VDD / 2, box={"v": (0.0, VDD)})
    return Hardware(name="h", origin="simulated", cells={"table": cell}, cell="table", **fields)


@pytest.mark.parametrize("v_rest", [0.0, VDD / 2, VDD])
def test_retention_time_of_an_exponential_leak_is_recovered(v_rest):
    half = VDD / 7 / 2
    for found in retention_times(leaky(v_rest), 8, VDD):
        deviation = abs(found.level - v_rest)
        assert found.simulated == AGES[-1]
        if deviation <= half + 1e-12:
            assert found.seconds is None
        else:
            assert found.seconds == pytest.approx(TAU * np.log(deviation / (deviation - half)), rel=0.01)


def test_refresh_power_is_energy_over_the_shortest_retention_time():
    report = storage_report(
        {
            "cell_retention": pd.concat([leaky(VDD / 2), leaky(VDD / 2, 85.0, TAU / 10)]),
            "cell_write": writes(),
        },
        CONDITION,
        8,
    )
    slow, fast = report.refresh
    assert slow.energy == pytest.approx(64 * 64 * 3e-15)
    assert slow.period == pytest.approx(TAU * np.log(7 / 6), rel=0.01)
    assert slow.power == pytest.approx(slow.energy / slow.period)
    assert fast.period == pytest.approx(slow.period / 10, rel=0.01)
    assert slow.period_busy is None
    assert report.disturbance == ()


def disturbed(idle=1e-9, write=5e-9, read=2e-9, loss=1.0):
    """Rows of `disturb`; `loss` is the effect of a thousand writes over a thousand times that of one."""
    rows = []
    for word in ("read", "idle"):
        for v in (0.0, 0.9):
            shared = {"write_device": "cmos", "temperature": 27.0, "t_operation": 45e-9}
            shared |= {"word": word, "v_store": v}
            own = read if word == "read" else 0.0
            first = 3e-3 if word == "read" else 0.0
            for activity, drift in (("idle", idle), ("write", write), ("read", idle + own)):
                few = {"activity": activity, "v_data": 0.0, "operations": 24, "drift": drift}
                shift = drift * 24
                rows.append(shared | few | {"shift": shift, "shift_first": first * (activity == "read")})
            for activity, drift in (("write", write), ("both", write + own)):
                many = {"activity": activity, "v_data": 0.0, "operations": 1000, "drift": drift}
                shift = first * (activity == "both") + 1000 * drift * loss
                rows.append(shared | many | {"shift": shift, "shift_first": first * (activity == "both")})
    return pd.DataFrame(rows)


def test_disturbance_is_the_drift_beyond_leakage():
    (found,) = disturbances(disturbed(loss=1.1))
    assert found.write == pytest.approx(4e-9)
    assert found.read_first == pytest.approx(3e-3)
    assert found.write_1000 == pytest.approx(5.5e-6)
    assert found.write_mismatch == pytest.approx(0.5e-6)
    assert found.read_1000 == pytest.approx(7.7e-6)
    assert found.idle_1000 == pytest.approx(5.5e-6)


def test_continuous_writes_to_other_words_shorten_the_refresh_period():
    good = {"cell_retention": leaky(VDD / 2), "cell_write": writes(), "disturb": disturbed(write=1e-6)}
    (refresh,) = storage_report(good, CONDITION, 8).refresh
    rate = 1 / refresh.period + (1e-6 - 1e-9) / 45e-9 / (VDD / 14)
    assert refresh.period_busy == pytest.approx(1 / rate)
    assert refresh.period_busy < refresh.period
    assert refresh.power == pytest.approx(refresh.energy / refresh.period_busy)


def test_write_energy_includes_simulated_drivers():
    good = {"cell_write": writes()}
    assert write_energy(good, "cmos", DESIGNS)[0] == pytest.approx(3e-15)
    assert float(fit_write(good, "cmos", DESIGNS)(0.4)) == pytest.approx(0.401)
    good["write_path"] = path()
    joules, what = write_energy(good, "cmos", DESIGNS)
    assert joules == pytest.approx(20e-15)
    assert "word-line drivers" in what
    assert float(fit_write(good, "cmos", DESIGNS)(0.4)) == pytest.approx(0.402)


def test_level_that_never_settles_fails_its_check():
    good = {"cell_write": writes(), "write_path": path().assign(t_64th=3e-9)}
    ideal, error, settling = port_checks(good, DESIGNS)
    assert (ideal.value, error.value) == pytest.approx((1e-3, 2e-3))
    assert settling.met and settling.value == pytest.approx(3e-9)
    good["write_path"].loc[0, "t_64th"] = np.nan
    assert not port_checks(good, DESIGNS)[-1].met


def test_token_decay_of_an_exponential_is_the_period_over_the_time_constant():
    period = 0.78e-6
    decay = hardware(retention=exponential()).token_decay(period, window=1000)
    assert decay == pytest.approx(period / TAU, rel=1e-3)


def test_published_time_constant_gives_the_published_decay_rate():
    """Twelve layers of 65 ns over 5 ms (Leroux et al. 2025, Methods) is 1.56e-4, published as 1.6e-4."""
    decay = hardware(retention=exponential(5e-3)).token_decay(12 * 65e-9)
    assert decay == pytest.approx(1.56e-4, rel=0.01)
    assert Hardware.from_pretrained("leroux2025").token_decay(12 * 65e-9) == pytest.approx(1.6e-4)


def test_token_decay_without_retention_is_zero():
    assert hardware().token_decay(1e-6) == 0.0


def test_token_decay_of_collapsed_levels_is_refused():
    collapsed = Retention(voltages=[0.0, VDD], ages=[0.0, 1e-3], drift=[[0.0, VDD / 2], [0.0, -VDD / 2]])
    with pytest.raises(ValueError, match="take fewer periods"):
        hardware(retention=collapsed).token_decay(1e-6)


def test_aging_is_fitted_until_the_first_retention_time():
    ages = exponential().readable_ages(hardware().levels.key, 0.0, VDD)
    first = TAU * np.log(7 / 6)
    assert ages[-2] <= first <= ages[-1]
