"""Reader of binary raw files against files written here, and integration on non-uniform points."""

import numpy as np
import pytest

from gaincell.circuits.errors import SimulationError
from gaincell.circuits.rawfile import Waveforms, read_raw, select_plot


def raw_plot(name, names, values, *, points=None, flags="real"):
    values = np.asarray(values, dtype=complex if flags == "complex" else float)
    table = "".join(f"\t{i}\t{n}\tvoltage\n" for i, n in enumerate(names))
    header = (
        f"Title: * t\nDate: today\nPlotname: {name}\nFlags: {flags}\nNo. Variables: {len(names)}\n"
        f"No. Points: {len(values) if points is None else points}       \nVariables:\n{table}Binary:\n"
    )
    return header.encode() + values.tobytes()


def test_several_plots_keep_their_names_and_values(tmp_path):
    path = tmp_path / "a.raw"
    path.write_bytes(
        raw_plot("DC transfer characteristic", ["v(v-sweep)", "V(Out)"], [[0, 1], [1, 3]])
        + raw_plot("Operating Point", ["v(out)"], [[7]])
        + raw_plot("Transient Analysis", ["time", "v(out)"], [[0, 0], [1, 2], [4, 8]])
    )
    dc, op, tran = read_raw(path)
    assert (dc.axis_name, op.axis_name, tran.axis_name) == ("v-sweep", "", "time")
    np.testing.assert_array_equal(dc["v(out)"], [1, 3])
    np.testing.assert_array_equal(op["v(out)"], [7])
    np.testing.assert_array_equal(tran.axis, [0, 1, 4])
    assert select_plot([dc, op, tran]) is tran
    assert select_plot([dc, op]) is dc
    assert select_plot([op]) is op
    assert select_plot([dc, op, tran], "noise") is None


def test_points_of_an_aborted_plot_are_read(tmp_path):
    path = tmp_path / "a.raw"
    aborted = raw_plot("Transient Analysis", ["time", "v(out)"], [[0, 0], [1, 2]], points=0)
    path.write_bytes(aborted + b"\x00\x01\x02")
    (plot,) = read_raw(path)
    np.testing.assert_array_equal(plot["v(out)"], [0, 2])
    path.write_bytes(aborted + b"\n" + raw_plot("Operating Point", ["v(out)"], [[7]]))
    assert [len(plot.axis) for plot in read_raw(path)] == [2, 1]


def test_complex_vectors_keep_both_parts(tmp_path):
    path = tmp_path / "a.raw"
    path.write_bytes(raw_plot("AC Analysis", ["frequency", "v(out)"], [[1, 2 + 3j]], flags="complex"))
    (plot,) = read_raw(path)
    assert plot.axis.dtype == float
    np.testing.assert_array_equal(plot["v(out)"], [2 + 3j])


def test_file_in_another_format_is_refused(tmp_path):
    path = tmp_path / "a.raw"
    path.write_text("Title: * t\nValues:\n0 1 2\n")
    with pytest.raises(SimulationError, match=r"a\.raw is not a binary ngspice raw file"):
        read_raw(path)


def test_integration_of_piecewise_linear_waveforms_is_exact():
    axis = np.array([0.0, 1.0, 1.5, 4.0])
    waves = Waveforms("t", "time", axis, {"i(v1)": 3 * axis})
    assert waves.integrate("i(v1)") == pytest.approx(24.0)
    assert waves.integrate("i(v1)", 0.25, 3.75) == pytest.approx(1.5 * (3.75**2 - 0.25**2))
    assert waves.integrate("i(v1)", 1.0, 1.5) == pytest.approx(1.5 * (1.5**2 - 1.0))
