"""Options of the commands that simulate a plan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .defaults import MOST_JOBS
from .quantities import quantity_in

TechnologyOption = Annotated[str | None, typer.Option(help="Shipped technology, or path of a TOML file.")]
VddOption = Annotated[
    float | None, typer.Option(parser=quantity_in("V"), help="Supply [default: the technology's].")
]
SizesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="CIRCUIT.SIZE=VALUE", help="Design size, such as cell.c_store=10f; repeatable."
    ),
]
PlanOption = Annotated[str, typer.Option(help="Shipped plan, or path of a TOML file.")]
TrimOption = Annotated[
    bool | None,
    typer.Option(
        "--trim/--no-trim",
        help="Trim each die first, as a tester would, and let its ramps follow replica cells "
        "[default: the plan's; shipped plans do].",
        show_default=False,
    ),
]
JobsOption = Annotated[
    int | None, typer.Option(min=1, max=MOST_JOBS, help="Simulations at once [default: all cores].")
]
CacheOption = Annotated[
    Path | None,
    typer.Option(help="Folder of cached results [default: $GAINCELL_CACHE or ~/.cache/gaincell]."),
]
