"""All commands of `gaincell`. One module per command; to add one, write its `run` and name it in COMMANDS.

Commands import what they need inside `run`, so that `gaincell --help` stays fast and `doctor` works where the
rest cannot be imported.
"""

from __future__ import annotations

import typer

from . import (
    ablate,
    account,
    adapt,
    cache,
    characterize,
    corners,
    cosim,
    demo,
    doctor,
    evaluate,
    figures,
    fit,
    generate,
    liberty,
    periphery,
    report,
    waves,
    yields,
)
from .console import CommandGroup, guarded

COMMANDS = {
    "doctor": doctor.run,
    "characterize": characterize.run,
    "fit": fit.run,
    "corners": corners.run,
    "liberty": liberty.run,
    "waves": waves.run,
    "figures": figures.run,
    "adapt": adapt.run,
    "evaluate": evaluate.run,
    "ablate": ablate.run,
    "yield": yields.run,
    "generate": generate.run,
    "account": account.run,
    "cosim": cosim.run,
    "periphery": periphery.run,
    "report": report.run,
    "demo": demo.run,
}

app = typer.Typer(
    name="gaincell",
    cls=CommandGroup,
    help="Co-simulation of gain-cell in-memory attention: from transistors to text.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for name, run in COMMANDS.items():
    app.command(name)(guarded(run))
app.add_typer(cache.app, name="cache")
