"""Waveform files in the hands of others: strict readers of their formats, and the tools themselves."""

import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from gaincell.characterization.procedure import Context
from gaincell.circuits.rawfile import Waveforms
from gaincell.circuits.technology import Technology
from gaincell.cosim.view import waves

AXIS = np.array([0.0, 1e-12, 1.0000004e-12, 2.5e-9, 3e-9])
SIGNALS = {
    "v(sn0)": np.array([0.1, 0.1, 0.2, 1 / 3, 1 / 3]),
    "i(vdd)": np.array([-1.23456789012345e-12, 0.0, 5e-7, 5e-7, 5e-7]),
}


@pytest.fixture
def recording():
    context = Context(Technology.load("generic28"))
    operation = waves.WAVE_OPERATIONS["cell-read"](context)
    return waves.Recording(
        operation, context, "", Waveforms("Transient Analysis", "time", AXIS, SIGNALS), None, 0.0, {}
    )


def parse_vcd(text):
    """Time scale, and name -> list of (time, value); fails on what IEEE 1364 section 18 does not allow."""
    header, _, body = text.partition("$enddefinitions $end\n")
    commands = re.findall(r"\$(\w+)\s+(.*?)\s*\$end", header, re.DOTALL)
    names = {}
    for command, words in commands:
        assert command in {"comment", "timescale", "scope", "var", "upscope"}
        if command == "var":
            kind, size, code, name = words.split()
            assert (kind, size) == ("real", "64")
            assert code not in names
            assert all("!" <= letter <= "~" for letter in code)
            names[code] = name
    scale = dict(commands)["timescale"].split()
    assert scale[0] in {"1", "10", "100"}
    changes, time = {name: [] for name in names.values()}, -1
    for line in body.splitlines():
        if line.startswith("#"):
            assert int(line[1:]) > time
            time = int(line[1:])
        else:
            value, code = re.fullmatch(r"r(\S+) (\S+)", line).groups()
            assert time >= 0
            changes[names[code]].append((time, float(value)))
    return scale[1], changes


def test_a_strict_reader_gets_every_value_of_the_vcd_back(recording, tmp_path):
    waves.export(recording, tmp_path / "a.vcd")
    scale, changes = parse_vcd((tmp_path / "a.vcd").read_text())
    assert scale == "fs"
    # Two points less than a femtosecond apart are one, the later of them; no digit of a value is lost.
    assert changes["v(sn0)"] == [(0, 0.1), (1000, 0.2), (2500000, 1 / 3)]
    assert changes["i(vdd)"] == [(0, -1.23456789012345e-12), (1000, 5e-7)]


def test_the_time_scale_of_a_vcd_follows_the_length(recording, tmp_path):
    slow = replace(recording.waveforms, axis=AXIS / AXIS[-1] * 1e6)
    waves.export(replace(recording, waveforms=slow), tmp_path / "slow.vcd")
    scale, changes = parse_vcd((tmp_path / "slow.vcd").read_text())
    assert scale == "ps"
    assert changes["v(sn0)"][-1] == (pytest.approx(2.5 / 3 * 1e18), 1 / 3)


@pytest.mark.skipif(shutil.which("vcd2fst") is None, reason="gtkwave's vcd2fst is not installed")
def test_gtkwave_reads_the_vcd(recording, tmp_path):
    waves.export(recording, tmp_path / "a.vcd")
    subprocess.run(["vcd2fst", tmp_path / "a.vcd", tmp_path / "a.fst"], check=True, capture_output=True)
    back = subprocess.run(["fst2vcd", tmp_path / "a.fst"], check=True, capture_output=True, text=True).stdout
    assert "v(sn0)" in back
    assert f"r{1 / 3:.16g}" in back


@pytest.mark.skipif(shutil.which("ngspice") is None, reason="ngspice is not installed")
def test_ngspice_loads_the_raw_file_with_every_digit(recording, tmp_path):
    waves.export(recording, tmp_path / "a.raw")
    script = "load a.raw\nset numdgt=16\nset filetype=ascii\nwrite back.raw all\nquit\n"
    (tmp_path / "a.cir").write_text(f"* load\n.control\n{script}.endc\n.end\n")
    subprocess.run(["ngspice", "-b", "a.cir"], cwd=tmp_path, check=True, capture_output=True)
    text = (tmp_path / "back.raw").read_text()
    head, _, values = text.partition("Values:\n")
    assert f"No. Points: {len(AXIS)}" in head
    names = [line.split()[1] for line in head.partition("Variables:\n")[2].splitlines()]
    numbers = np.array([float(word) for word in values.split()]).reshape(len(AXIS), -1)[:, 1:]
    assert sorted(names) == sorted(["time", *SIGNALS])
    for name, signal in {"time": AXIS, **SIGNALS}.items():
        np.testing.assert_allclose(numbers[:, names.index(name)], signal, rtol=1e-15)
