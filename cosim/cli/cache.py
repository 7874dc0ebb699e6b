"""`gaincell cache`: what is cached, why it is stale, and pruning."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import time
from pathlib import Path
from typing import Annotated

import typer

from .console import Json, emit, fail, guarded, stdout
from .defaults import MOST_SAMPLES
from .knobs import merged, parse_knobs
from .quantities import quantity_in

Folder = Annotated[
    Path | None,
    typer.Option("--cache-dir", help="Folder of the cache [default: $GAINCELL_CACHE or ~/.cache/gaincell]."),
]
_AGES = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def listing(context: typer.Context, cache_dir: Folder = None, as_json: Json = False) -> None:
    """List what is cached, by procedure; `explain` says why a plan finds it stale, `prune` removes entries.

    Examples:

        gaincell cache

        gaincell cache explain nominal

        gaincell cache prune --older-than 30d
    """
    if context.invoked_subcommand is not None:
        return
    from ...characterization.stale import holdings

    cache = _cache(cache_dir)
    found = holdings(cache)
    if as_json:
        emit({"folder": str(cache.folder), "procedures": [dataclasses.asdict(held) for held in found]})
        return
    rows = [(h.procedure, h.entries, h.rows, _size(h.size), _age(h.newest), _age(h.oldest)) for h in found]
    total = sum(h.entries for h in found), sum(h.rows for h in found), _size(sum(h.size for h in found))
    rows.append(("all", *total, "", ""))
    stdout.print(f"cache in {cache.folder}", soft_wrap=True)
    stdout.print(_table(("procedure", "entries", "rows", "size", "last used", "longest unused"), rows))


def explain(
    plan: Annotated[str, typer.Argument(help="Shipped plan, or path of a TOML file.")] = "nominal",
    technology: Annotated[str | None, typer.Option(help="Technology instead of the plan's.")] = None,
    corner: Annotated[str | None, typer.Option(help="Process corner instead of the plan's.")] = None,
    temperature: Annotated[float | None, typer.Option(help="Temperature, Celsius.")] = None,
    vdd: Annotated[float | None, typer.Option(parser=quantity_in("V"), help="Supply.")] = None,
    sizes: Annotated[
        list[str] | None, typer.Option("--set", metavar="CIRCUIT.SIZE=VALUE", help="Design size; repeatable.")
    ] = None,
    samples: Annotated[
        int | None, typer.Option(min=1, max=MOST_SAMPLES, help="Random samples of every procedure.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of all random draws.")] = None,
    simulator: Annotated[str, typer.Option(help="ngspice or vacask.")] = "ngspice",
    cache_dir: Folder = None,
    as_json: Json = False,
) -> None:
    """Say for each procedure of a plan what is cached, and which part has changed where it is stale.

    A result depends on the netlist, the technology's library files, the version of the simulator, the swept
    points and the code that measures. Nothing is simulated.

    Examples:

        gaincell cache explain nominal

        gaincell cache explain full --corner ss --temperature 85

        gaincell cache explain nominal --set converter.c_int=2p
    """
    from ...characterization.plan import Plan
    from ...characterization.stale import explain as explained

    given = {"technology": technology, "corner": corner, "temperature": temperature, "vdd": vdd}
    chosen = Plan.load(plan).override(**given, samples=samples, seed=seed)
    if sizes:
        chosen = chosen.override(designs=merged(chosen.designs, parse_knobs(sizes)))
    found = explained(chosen, _cache(cache_dir), simulator)
    if as_json:
        emit({"plan": plan, "procedures": [dataclasses.asdict(e) for e in found]})
        return
    rows = []
    for e in found:
        rows.append((e.procedure, e.batches, e.fresh, "" if e.reasons else "up to date"))
        rows += [("", "", "", f"{count}x {reason}") for reason, count in e.reasons.items()]
    stdout.print(_table(("procedure", "batches", "cached", "what changed"), rows))


def prune(
    older_than: Annotated[str | None, typer.Option(help="Unused for longer, such as 30d or 12h.")] = None,
    stale: Annotated[
        bool, typer.Option("--stale", help="Of other measuring code, simulator or gaincell than now.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="Every entry.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    cache_dir: Folder = None,
    as_json: Json = False,
) -> None:
    """Remove entries from the cache. Runs in progress are not disturbed.

    Examples:

        gaincell cache prune --older-than 30d

        gaincell cache prune --stale --dry-run
    """
    from ...characterization.stale import prune as removed
    from ...characterization.stale import stale as staleness
    from ...circuits.errors import SimulationError
    from ...circuits.runner import SIMULATORS, simulator_version

    if not (older_than or stale or everything):
        fail("say what to remove: --older-than AGE, --stale or --all", 2)
    limit = time.time() - parse_age(older_than) if older_than else None
    versions = []
    for name in SIMULATORS:
        with contextlib.suppress(SimulationError):
            versions.append(simulator_version(name))
    is_stale = staleness(*versions) if stale else lambda entry: False
    cache = _cache(cache_dir)
    count, size = removed(
        cache,
        lambda entry: everything or (limit is not None and entry.used < limit) or is_stale(entry),
        dry_run=dry_run,
    )
    if as_json:
        emit({"folder": str(cache.folder), "entries": count, "bytes": size, "dry_run": dry_run})
        return
    stdout.print(f"{'would remove' if dry_run else 'removed'} {count} entries, {_size(size)}")


def parse_age(text: str) -> float:
    """`30d`, `12h`, `45m`, `2w` in s; typer.BadParameter when it cannot be read."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is not an age; write for example 30d, 12h or 2w")
    return float(match[1]) * _AGES[match[2]]


def _cache(folder: Path | None):
    from ...characterization.cache import Cache
    from ...circuits.files import cache_folder

    return Cache(folder or cache_folder())


def _size(count: float) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def _age(seconds: float) -> str:
    for unit in ("w", "d", "h", "m"):
        if seconds >= _AGES[unit]:
            return f"{seconds / _AGES[unit]:.0f}{unit}"
    return f"{max(seconds, 0.0):.0f}s"


def _table(head: tuple[str, ...], rows: list[tuple]):
    from rich.table import Table

    table = Table(*head)
    for row in rows:
        table.add_row(*map(str, row))
    return table


app = typer.Typer(invoke_without_command=True, no_args_is_help=False)
app.callback()(guarded(listing))
app.command("explain")(guarded(explain))
app.command("prune")(guarded(prune))
