"""The sub-array as plain SPICE text against the testbench of the chain."""

import numpy as np
import pytest

from gaincell.characterization.measure import pulse_width
from gaincell.circuits.runner import Simulation, simulate
from gaincell.circuits.sub_array import sub_array_text
from gaincell.circuits.technology import Technology
from gaincell.circuits.testbench import Condition, Schedule, chain
from gaincell.circuits.testbench.bench import NETLISTS, TRANSIENT_OPTIONS


def test_shipped_netlist_equals_the_written_text():
    assert (NETLISTS / "sub_array_16x16.sp").read_text() == sub_array_text(16, 16)


def test_size_without_cells_is_refused():
    with pytest.raises(ValueError, match="rows=0 and columns=4 must be at least 1"):
        sub_array_text(0, 4)


def bare_deck(query, key):
    """Deck of the plain sub-array with its bit lines on capacitors at mid-supply."""
    condition = Condition(Technology.load("generic28"))
    rows, columns = key.shape
    text = ["* plain sub-array", condition.technology.header("tt", 27.0)]
    text += [(NETLISTS / f"{name}.sp").read_text() for name in ("gain_cell", "logic")]
    text += [
        sub_array_text(rows, columns),
        "vdd vdd 0 0.9",
        "vwl wwl 0 -0.2",
        "vwb wwlb 0 1.1",
        "vwbl wbl 0 0.45",
    ]
    text += [
        f"vq{r} in{r} 0 pulse(0 0.9 1n 50p 50p {float(width - 50e-12)!r} 1)" for r, width in enumerate(query)
    ]
    ports = [f"in{r}" for r in range(rows)] + [f"bl{c}" for c in range(columns)] + ["wbl"] * columns
    ports += ["wwl"] * rows + ["wwlb"] * rows + ["vdd", "0"]
    text += [f"xa {' '.join(ports)} sub_array_{rows}x{columns}"]
    text += [f"cint{c} bl{c} 0 1.7p\n.ic v(bl{c})=0.45" for c in range(columns)]
    text += [f".ic v(xa.sn{r}_{c})={float(key[r, c])!r}" for r in range(rows) for c in range(columns)]
    text += [".options " + " ".join(f"{k}={v}" for k, v in TRANSIENT_OPTIONS.items())]
    text += [".save " + " ".join(f"v(bl{c})" for c in range(columns)), ".tran 50p 20n 0 50p", ".end\n"]
    return Simulation("\n".join(text), end=20e-9), condition


def test_plain_netlist_and_testbench_agree():
    """The same four columns: plain text with capacitors, and the chain with its converters."""
    rng = np.random.default_rng(2)
    query, key = rng.uniform(5e-9, 15e-9, 4), rng.choice(np.linspace(0, 0.9, 8), (4, 4))
    plain, condition = bare_deck(query, key)
    waves = simulate(plain).require()
    swing = np.array([0.45 - waves[f"v(bl{c})"][-1] for c in range(4)])
    full = simulate(chain(condition, query, key, np.full((4, 1), 0.9))).require()
    schedule = Schedule.of(condition.designs)
    node = [full.at(f"v(bl1_{c})", [schedule.integrate - 2e-10, schedule.ramp - 2e-10]) for c in range(4)]
    expected = np.array([before - after for before, after in node])
    # The coupling capacitor of the comparator is an additional load on the chain's bit line.
    np.testing.assert_allclose(swing, expected, atol=0.02 * np.abs(expected).max())
    width = np.array([pulse_width(full, f"v(phi{c})", 0.45) for c in range(4)])
    assert ((width > 0) == (swing > 1e-3)).all()
