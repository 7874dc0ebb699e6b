"""The runner against circuits with closed forms, and every kind of failure against its status."""

import numpy as np
import pytest

from gaincell.circuits.errors import SimulationError
from gaincell.circuits.runner import Simulation, Status, find_ngspice, ngspice_version, simulate, with_options

RC = """* RC charged by a step
v1 in 0 pulse(0 1 1n 1p 1p 1 2)
r1 in out 1k
c1 out 0 1p ic=0
.options reltol=1e-5
.tran 10p 8n uic
.save v(out) i(v1)
.end
"""

ABORTS = """* no solution after 2 ns: x is high exactly when it is low
v1 in 0 pulse(0 1 0 1p 1p 1 2)
r1 in out 1k
c1 out 0 1p
b1 x 0 v=time>2n ? (v(x)>0.5 ? 0 : 1) : 0
r2 x out 1k
.tran 10p 5n
.save v(out)
.end
"""


def deck(*lines):
    return "\n".join(["* failing on purpose", "v1 in 0 1", *lines, ".tran 1n 10n", ".end"])


def test_rc_charging_follows_the_exponential():
    waves = simulate(Simulation(RC, end=8e-9)).require()
    after = waves.axis > 1.1e-9
    expected = 1 - np.exp(-(waves.axis[after] - 1e-9) / 1e-9)
    assert waves.axis_name == "time"
    np.testing.assert_allclose(waves["V(OUT)"][after], expected, atol=1e-3)


def test_integrated_current_equals_the_charge_of_the_capacitor():
    waves = simulate(Simulation(RC, end=8e-9)).require()
    charge = -waves.integrate("i(v1)", 0.5e-9, 6e-9)
    assert charge == pytest.approx(1e-12 * waves.at("v(out)", 6e-9), rel=1e-3)


def test_ideal_current_ramps_a_capacitor_linearly():
    netlist = "* I into C\ni1 0 out 2u\nc1 out 0 40f ic=0\n.tran 50p 10n uic\n.save v(out)\n.end\n"
    waves = simulate(Simulation(netlist, end=10e-9)).require()
    np.testing.assert_allclose(waves["v(out)"], 2e-6 / 40e-15 * waves.axis, rtol=1e-6, atol=1e-9)


def test_dc_sweep_of_a_divider_matches_its_ratio():
    netlist = "* divider\nv1 in 0 0\nr1 in out 1k\nr2 out 0 3k\n.dc v1 1 -1 -0.25\n.save v(out)\n.end\n"
    waves = simulate(Simulation(netlist, end=-1.0)).require()
    assert waves.axis_name == "v-sweep"
    np.testing.assert_allclose(waves.axis, np.linspace(1, -1, 9), atol=1e-12)
    np.testing.assert_allclose(waves["v(out)"], 0.75 * waves.axis, atol=1e-9)


def test_plot_is_selected_by_name():
    netlist = "* two\nv1 in 0 2\nr1 in 0 1k\n.dc v1 0 1 0.5\n.op\n.tran 1n 4n\n.save v(in)\n.end\n"
    assert simulate(Simulation(netlist)).require().axis_name == "time"
    assert simulate(Simulation(netlist, plot="dc transfer")).require().axis_name == "v-sweep"
    operating_point = simulate(Simulation(netlist, plot="operating")).require()
    assert operating_point.axis_name == ""
    np.testing.assert_allclose(operating_point["v(in)"], [2.0])


def test_deck_without_a_final_newline_runs():
    assert simulate(Simulation(RC.rstrip("\n"), end=8e-9)).ok


def test_error_for_an_unsaved_vector_lists_the_saved_ones():
    with pytest.raises(SimulationError, match=r"'v\(nowhere\)'.*i\(v1\), v\(out\)"):
        simulate(Simulation(RC)).require()["v(nowhere)"]


@pytest.mark.parametrize(
    ("netlist", "status", "message"),
    [
        (deck("m1 in in 0 0 nosuch w=1u l=30n"), Status.MISSING_MODEL, "nosuch"),
        (deck("x1 in 0 nosuch w=1u"), Status.MISSING_MODEL, "nosuch"),
        (deck('.lib "nosuch.lib" tt', "r1 in 0 1k"), Status.MISSING_MODEL, "nosuch.lib"),
        (deck("r1 in 0 {nosuch*2}"), Status.SYNTAX, "nosuch"),
        (deck("r1 in 0 1k nosuch=3"), Status.SYNTAX, "nosuch"),
        (deck("r1 in 0 1k", ".trann 1n 2n"), Status.SYNTAX, "trann"),
        (deck("v2 in 0 2"), Status.NONCONVERGED, "singular"),
        (ABORTS, Status.NONCONVERGED, "Timestep too small; time = 2e-09"),
    ],
)
def test_failures_are_classified_with_message_and_remedy(netlist, status, message):
    result = simulate(Simulation(netlist, end=10e-9), retry=False)
    assert result.status is status
    assert message in result.message
    assert result.waveforms is None
    assert result.status.remedy
    with pytest.raises(SimulationError, match=str(status)):
        result.require()


def test_run_that_ends_early_is_incomplete():
    result = simulate(Simulation(RC, end=9e-9), retry=False)
    assert result.status is Status.INCOMPLETE
    assert "8e-09 instead of 9e-09" in result.message


def test_deck_is_stopped_at_its_time_limit():
    slow = RC.replace(".tran 10p 8n", ".tran 1f 1m")
    result = simulate(Simulation(slow, timeout=0.2))
    assert result.status is Status.TIMEOUT


def test_missing_simulator_is_a_result_with_the_install_command(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    result = simulate(Simulation(RC))
    assert result.status is Status.MISSING_SIMULATOR
    assert "apt-get install ngspice" in result.status.remedy
    with pytest.raises(SimulationError, match="apt-get install ngspice"):
        find_ngspice()


def test_simulator_killed_by_a_signal_is_a_crash(monkeypatch, tmp_path):
    dying = tmp_path / "ngspice"
    dying.write_text("#!/bin/sh\nkill -SEGV $$\n")
    dying.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    result = simulate(Simulation(RC))
    assert result.status is Status.CRASHED
    assert "SIGSEGV" in result.message


def test_retries_relax_the_options_and_record_them():
    # Tolerances below the rounding error cannot be met; the options of the second retry replace them.
    netlist = (
        "* stubborn\nv1 in 0 pulse(0 5 1n 1n 1n 1 2)\nr1 in out 1k\nd1 out 0 dd\n"
        ".model dd d is=1e-15 cjo=1f\n.options reltol=1e-18 abstol=1e-30 vntol=1e-30\n"
        ".tran 1n 10n\n.save v(out)\n.end\n"
    )
    assert simulate(Simulation(netlist, end=10e-9), retry=False).status is Status.NONCONVERGED
    result = simulate(Simulation(netlist, end=10e-9))
    assert result.ok
    assert result.retries == 2
    assert result.options["reltol"] == "3e-3"


def test_first_failure_is_reported_if_all_retries_fail():
    result = simulate(Simulation(ABORTS, end=5e-9))
    assert result.status is Status.NONCONVERGED
    assert result.retries == 2
    assert result.options == {}


def test_later_options_override_earlier_ones():
    changed = with_options(RC, {"reltol": "1e-2"})
    assert changed.index("reltol=1e-2") > changed.index("reltol=1e-5")
    assert changed.endswith(".end\n")


def test_version_is_read_from_the_executable():
    assert ngspice_version()[0].isdigit()
