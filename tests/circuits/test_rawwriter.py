"""Writer of raw files against the reader and against ngspice."""

import shutil
import subprocess

import numpy as np
import pytest

from gaincell.circuits.rawfile import Waveforms, read_raw
from gaincell.circuits.rawwriter import raw_bytes


@pytest.fixture
def waves():
    time = np.array([0.0, 1e-12, 3e-12, 1e-9])
    return Waveforms("Transient Analysis", "time", time, {"v(out)": time * 7e8, "i(vdd)": -(time**2)})


def test_written_file_reads_back_bit_by_bit(waves, tmp_path):
    path = tmp_path / "a.raw"
    path.write_bytes(raw_bytes(waves, "a title"))
    (plot,) = read_raw(path)
    assert (plot.plot, plot.axis_name, list(plot.signals)) == (
        "Transient Analysis",
        "time",
        list(waves.signals),
    )
    np.testing.assert_array_equal(plot.axis, waves.axis)
    for name, signal in waves.signals.items():
        np.testing.assert_array_equal(plot[name], signal)


@pytest.mark.skipif(shutil.which("ngspice") is None, reason="ngspice is not installed")
def test_ngspice_loads_names_types_and_values(waves, tmp_path):
    (tmp_path / "a.raw").write_bytes(raw_bytes(waves, "a title"))
    commands = "load a.raw\ndisplay\nprint length(time) maximum(v(out)) minimum(i(vdd))\nquit 0"
    (tmp_path / "deck.cir").write_text(f"* load\n.control\n{commands}\n.endc\n.end\n")
    command = ["ngspice", "-b", "deck.cir"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    printed = done.stdout + done.stderr
    assert "length(time) = 4.0" in printed
    assert "maximum(v(out)) = 7.000000e-01" in printed
    assert "minimum(i(vdd)) = -1.00000e-18" in printed
    assert "time                : time, real" in printed
    assert "current, real" in printed
