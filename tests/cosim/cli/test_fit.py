"""`gaincell fit`: what it prints and what fit.json holds."""

import json

import numpy as np
import pytest
from fit_tables import copy_required, rewrite
from typer.testing import CliRunner

from gaincell.cosim.cli import app


def fit(folder, out, *options):
    result = CliRunner().invoke(app, ["fit", str(folder), "--out", str(out), *options])
    assert result.exit_code == 0, result.output
    return result


def delayed(rows, delay):
    """The rows with the signed converter's pulses longer by `delay`, s, as by a slow comparator."""
    pulses = rows["signed"] & (rows["t_out"] != 0)
    return rows.assign(t_out=rows["t_out"] + np.where(pulses, delay * np.sign(rows["t_out"]), 0.0))


def test_skew_to_set_is_printed_for_a_converter_with_an_offset(tmp_path):
    folder, out = copy_required(tmp_path / "tables"), tmp_path / "out"
    assert "t_skew" not in fit(folder, out).stdout, "the shipped offsets are small"
    relu, before = json.loads((out / "fit.json").read_text())["skews"]
    rewrite(folder, "converter", lambda rows: delayed(rows, 5e-10))
    (sentence,) = (
        line for line in fit(folder, out, "--accept-missed").stdout.splitlines() if "t_skew" in line
    )
    assert "[designs.readout]" in sentence
    skews = json.loads((out / "fit.json").read_text())["skews"]
    assert skews[0] == relu
    # The line has other points: those of 2 to 98 % of T_max.
    assert skews[1]["to_set"] == pytest.approx(before["to_set"] + 5e-10, abs=2e-11)
    assert f"t_skew = {skews[1]['to_set']:.4g} (now {before['t_skew']:.4g}) s" in sentence
    printed = json.loads(fit(folder, out, "--accept-missed", "--json").stdout)["skews"]
    assert [skew.pop("small") for skew in printed] == [True, False]
    assert printed == skews
