"""`gaincell characterize`: sweeps -> tables."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from .console import Json, emit, fail, note, progress, stdout
from .defaults import MOST_SAMPLES, TABLES
from .knobs import merged, parse_knobs
from .plans import (
    CacheOption,
    JobsOption,
    PlanOption,
    SizesOption,
    TechnologyOption,
    TrimOption,
    VddOption,
)

FAILURES_ALLOWED = 0.01
"""Fraction of a procedure's points that may fail in a run that counts as a success."""


def run(
    technology: TechnologyOption = None,
    corner: Annotated[str | None, typer.Option(help="Process corner of the technology, such as tt.")] = None,
    temperature: Annotated[float | None, typer.Option(help="Temperature, Celsius.")] = None,
    vdd: VddOption = None,
    sizes: SizesOption = None,
    plan: PlanOption = "nominal",
    trim: TrimOption = None,
    samples: Annotated[
        int | None, typer.Option(min=1, max=MOST_SAMPLES, help="Random samples of every procedure.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of all random draws.")] = None,
    jobs: JobsOption = None,
    simulator: Annotated[str, typer.Option(help="ngspice or vacask.")] = "ngspice",
    backend: Annotated[str, typer.Option(help="Where simulations run: local or dask.")] = "local",
    scheduler: Annotated[
        str | None, typer.Option(help="Dask scheduler, such as tcp://host:8786, or its scheduler file.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for tables, netlists and manifest.")] = TABLES,
    cache_dir: CacheOption = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Simulate everything again.")] = False,
    as_json: Json = False,
) -> None:
    """Simulate the circuits of a technology in SPICE and write what is measured as tables.

    Options that are not given come from the plan. A run can be interrupted: the same command continues it.

    Examples:

        gaincell characterize

        gaincell characterize --corner ss --temperature 125 --vdd 0.81 --out out/worst

        gaincell characterize --corner fs --no-trim --out out/untrimmed

        gaincell characterize --set cell.c_store=10f --set levels.key=16 --out out/bigger

        gaincell characterize --technology my.toml --samples 8 --jobs 4 --json

        gaincell characterize --plan quick --simulator vacask --out out/vacask

        gaincell characterize --plan full --backend dask --scheduler tcp://host:8786
    """
    from ...characterization import backends
    from ...characterization.cache import Cache
    from ...characterization.plan import Plan
    from ...characterization.trimmed_plan import run_plan
    from ...circuits.designs import Designs
    from ...circuits.files import cache_folder, require_folder
    from ...circuits.technology import Technology

    chosen = Plan.load(plan).override(
        technology=technology,
        corner=corner,
        temperature=temperature,
        vdd=vdd,
        samples=samples,
        seed=seed,
        trim=trim,
    )
    if sizes:
        chosen = chosen.override(designs=merged(chosen.designs, parse_knobs(sizes)))
    known = Technology.load(chosen.technology)
    known.sections(chosen.corner)
    Designs.of(known, **chosen.designs)
    require_folder(out)
    cache = Cache(cache_dir or cache_folder(), read=not fresh)
    with backends.backend(backend, scheduler), progress("characterize") as update:
        summary = run_plan(
            chosen,
            out,
            jobs=jobs,
            cache=cache,
            progress=update,
            simulator=simulator,
            trimmed=lambda found: note(found.sentence),
        )
    bad = [n for n, c in summary.procedures.items() if c.failed > FAILURES_ALLOWED * c.points]
    complaint = (
        f"more than {FAILURES_ALLOWED:.0%} of the points of {', '.join(bad)} failed; "
        f"the columns status and message of the tables in {out} say why"
    )
    if as_json:
        conditions = chosen.model_dump(include={"technology", "corner", "temperature", "vdd", "seed", "trim"})
        error = {"error": complaint} if bad else {}
        emit(
            {
                **dataclasses.asdict(summary),
                "plan": chosen.name,
                **conditions,
                "simulator": simulator,
                "out": str(out),
                **error,
            }
        )
    else:
        stdout.print(_table(summary))
        note(f"tables in {out}")
    if bad:
        fail(complaint)


def _table(summary):
    from rich.table import Table

    table = Table("procedure", "points", "failed", "cached", "seconds")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, count in summary.procedures.items():
        numbers = (count.points, count.failed, count.cached)
        table.add_row(name, *map(str, numbers), f"{count.seconds:.1f}")
    table.add_section()
    total = (summary.points, summary.failed, summary.cached)
    table.add_row("all", *map(str, total), f"{summary.seconds:.1f}")
    return table
