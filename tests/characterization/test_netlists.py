"""The netlists of a run in bare ngspice give the values of its tables."""

import os
import subprocess

import numpy as np
import pandas as pd
import pytest

from gaincell.characterization.cache import Cache
from gaincell.characterization.execute import characterize, tasks_of
from gaincell.characterization.plan import Plan
from gaincell.characterization.table import read_table
from gaincell.circuits.rawfile import read_raw, select_plot
from gaincell.circuits.runner import ngspice_version
from gaincell.circuits.technology import Technology

PROCEDURES = ("device", "cell_write", "row_driver")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A plan and its output, moved to another folder."""
    folder = tmp_path_factory.mktemp("run")
    plan = Plan(name="bare", procedures=PROCEDURES, samples=1)
    characterize(plan, folder / "out", jobs=1, cache=Cache(folder / "cache"))
    return plan, (folder / "out").rename(folder / "moved")


@pytest.mark.parametrize("name", PROCEDURES)
def test_bare_ngspice_gives_the_same_numbers(run, name, tmp_path):
    plan, out = run
    table = read_table(out, name).set_index("point")
    assert (table["status"] == "ok").all()
    # As a user would: without our .spiceinit and environment, and from another folder. ngspice then starts
    # more threads, which must not spin on a busy machine.
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "OMP_WAIT_POLICY": "passive"}
    tasks = tasks_of(plan, Technology.load(plan.technology), ngspice_version())[name]
    for task in tasks[:1]:
        netlist, raw = out / "netlists" / name / f"{task.key[:12]}.cir", tmp_path / "bare.raw"
        command = ["ngspice", "-b", "-r", raw, netlist]
        subprocess.run(command, check=True, capture_output=True, cwd=tmp_path, env=environment)
        waves = select_plot(read_raw(raw))
        measured = task.procedure.measure(task.context, task.points, waves).reset_index(drop=True)
        stored = table.loc[list(task.batch.index), list(measured)].reset_index(drop=True)
        pd.testing.assert_frame_equal(measured, stored, check_exact=False, rtol=1e-9, check_dtype=False)
        assert np.isfinite(measured.to_numpy(dtype=float)).all()
