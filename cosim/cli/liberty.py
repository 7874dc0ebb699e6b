"""`gaincell liberty`: the standard cells of a technology -> a Liberty file with timing and power."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from .console import Json, emit, note, progress
from .plans import CacheOption, JobsOption, VddOption


def run(
    out: Annotated[Path, typer.Option(help="Liberty file to write.")],
    technology: Annotated[
        str, typer.Option(help="Shipped technology, or path of a TOML file.")
    ] = "generic28",
    corner: Annotated[str, typer.Option(help="Process corner of the technology.")] = "tt",
    temperature: Annotated[float, typer.Option(help="Temperature, Celsius.")] = 27.0,
    vdd: VddOption = None,
    jobs: JobsOption = None,
    cache_dir: CacheOption = None,
    as_json: Json = False,
) -> None:
    """Characterize the standard cells in SPICE and write a Liberty file for synthesis and timing analysis.

    The file has delays, slews, set-up and hold, and the energy of every edge in every state: also of clocks
    with idle data. A run can be interrupted: the same command continues it.

    Examples:

        gaincell liberty --out out/cells.lib

        gaincell liberty --technology gf180mcu --corner ss --temperature 125 --vdd 3.0 --out out/slow.lib
    """
    from ...characterization.cache import Cache
    from ...characterization.execute import characterize
    from ...characterization.liberty import LIBERTY_PROCEDURES, liberty_text, origin
    from ...characterization.plan import Plan
    from ...characterization.procedure import Context
    from ...characterization.table import read_manifest, read_table
    from ...circuits.files import cache_folder, require_file, write_text
    from ...circuits.standard_cells import CELLS
    from ...circuits.technology import Technology

    known = Technology.load(technology)
    known.sections(corner)
    plan = Plan.build(
        {
            "name": "liberty",
            "technology": technology,
            "corner": corner,
            "temperature": temperature,
            "vdd": vdd,
            "procedures": LIBERTY_PROCEDURES,
        }
    )
    require_file(out)
    with tempfile.TemporaryDirectory() as name, progress("liberty") as update:
        folder = Path(name) / "tables"
        summary = characterize(
            plan, folder, jobs=jobs, cache=Cache(cache_dir or cache_folder()), progress=update
        )
        tables = {procedure: read_table(folder, procedure) for procedure in LIBERTY_PROCEDURES}
        comment = origin(read_manifest(folder))
    condition = Context.of(plan, LIBERTY_PROCEDURES[0], known).condition
    out.parent.mkdir(parents=True, exist_ok=True)
    write_text(out, liberty_text(condition, tables, comment))
    if as_json:
        conditions = {"technology": known.name, "corner": corner, "temperature": temperature}
        found = {"cells": list(CELLS), "points": summary.points, "seconds": summary.seconds, "out": str(out)}
        emit({**conditions, "vdd": condition.vdd, **found})
        return
    note(f"{len(CELLS)} cells at {corner}, {temperature:g} C, {condition.vdd:g} V in {out}")
