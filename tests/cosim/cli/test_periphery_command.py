"""`gaincell periphery`: refusals in one sentence, and a run."""

import json
import shutil

import pytest
from small_liberty import small_liberty
from typer.testing import CliRunner

from gaincell.cosim.cli import app

run = CliRunner().invoke
needs_tools = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("iverilog", "yosys", "sta")),
    reason="Icarus Verilog, Yosys or OpenSTA is not installed",
)


@needs_tools
def test_a_library_that_is_none_is_refused(tmp_path):
    path = tmp_path / "cells.lib"
    path.write_text("nothing")
    result = run(app, ["periphery", "demo", "--liberty", str(path)])
    assert result.exit_code == 1
    assert "is no Liberty file" in result.stderr and "gaincell liberty" in result.stderr


def test_a_missing_tool_is_named_with_its_package(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    result = run(app, ["periphery", "demo"])
    assert result.exit_code == 1
    assert "iverilog was not found on PATH; install it with: apt-get install iverilog" in result.stderr


@needs_tools
def test_hardware_without_circuits_is_refused():
    result = run(app, ["periphery", "demo", "--hardware", "leroux2025"])
    assert result.exit_code == 1
    assert "was not fitted to circuits" in " ".join(result.stderr.split())


@pytest.mark.slow
@needs_tools
@pytest.mark.parametrize("cells", [True, False])
def test_a_run_writes_netlists_and_figures(tmp_path, cells):
    out = tmp_path / "out"
    library = ["--liberty", str(small_liberty(tmp_path))] if cells else []
    result = run(app, ["periphery", "demo", "--operations", "2", "--out", str(out), "--json", *library])
    assert result.exit_code == 0, result.stderr
    record = json.loads(result.stdout)
    written = json.loads((out / "periphery.json").read_text())
    assert [block["block"] for block in written["blocks"]] == [block["block"] for block in record["blocks"]]
    for block in record["blocks"]:
        assert (out / f"{block['block']}.v").read_text().startswith(f"module {block['block']}_top")
        assert block["differing"] == 0
        assert (block["joules"] is None) != cells
    assert (record["joules_per_token_head"] is None) != cells
