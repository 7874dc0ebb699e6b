"""`gaincell corners`: one design at all corners and several temperatures -> a set of hardware."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import Json, emit, note, progress, stdout
from .defaults import CORNERS
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


def run(
    technology: TechnologyOption = None,
    corner: Annotated[
        list[str] | None, typer.Option(help="Process corner; repeatable [default: tt, ff, ss, fs and sf].")
    ] = None,
    temperature: Annotated[
        list[float] | None,
        typer.Option(help="Temperature, Celsius; repeatable [default: -40, 27 and 125]."),
    ] = None,
    vdd: VddOption = None,
    sizes: SizesOption = None,
    plan: PlanOption = "nominal",
    trim: TrimOption = None,
    jobs: JobsOption = None,
    out: Annotated[Path, typer.Option(help="Folder of the set, one folder per condition.")] = CORNERS,
    cache_dir: CacheOption = None,
    as_json: Json = False,
) -> None:
    """Characterize and fit a design at every corner and temperature, for `gaincell yield`.

    A run can be interrupted: the same command continues it.

    Examples:

        gaincell corners

        gaincell corners --no-trim --out out/untrimmed

        gaincell corners --temperature 0 --temperature 85 --out out/commercial

        gaincell corners --corner fs --corner sf --jobs 4 --json
    """
    from ...characterization.cache import Cache
    from ...characterization.plan import Plan
    from ...circuits.designs import Designs
    from ...circuits.files import cache_folder, require_folder
    from ...circuits.technology import Technology
    from ...models.dies import CORNERS as ALL
    from ...models.fitting.corners import fit_corners

    chosen = Plan.load(plan).override(technology=technology, vdd=vdd, trim=trim)
    if sizes:
        chosen = chosen.override(designs=merged(chosen.designs, parse_knobs(sizes)))
    known, corners = Technology.load(chosen.technology), tuple(corner or ALL)
    for name in corners:
        known.sections(name)
    Designs.of(known, **chosen.designs)
    require_folder(out)
    with progress("corners", "conditions") as update:
        found = fit_corners(
            chosen,
            out,
            corners=corners,
            temperatures=tuple(temperature or (-40.0, 27.0, 125.0)),
            jobs=jobs,
            cache=Cache(cache_dir or cache_folder()),
            report=update,
        )
    missed = [[check.name for check in one.report.die if not check.met] for one in found]
    if as_json:
        conditions = [
            {
                "corner": one.corner,
                "temperature": one.temperature,
                "hardware": str(one.folder / "hardware"),
                "missed": names,
            }
            for one, names in zip(found, missed, strict=True)
        ]
        emit({"out": str(out), "trim": chosen.trim, "conditions": conditions})
        return
    stdout.print(_table(found, missed))
    note(f"hardware in {out}; gaincell yield MODEL --hardware {out} draws dies between its conditions")


def _table(found, missed):
    from rich.table import Table

    table = Table("condition", "limits missed", title="What differs from die to die")
    for one, names in zip(found, missed, strict=True):
        table.add_row(f"{one.corner}, {one.temperature:g} C", "; ".join(names) or "-")
    return table
