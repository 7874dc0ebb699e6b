"""`gaincell demo`: the main job, from transistors to text, on the embedded default."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from .console import Json, emit, note, progress, stdout
from .defaults import MOST_JOBS, MOST_SAMPLES, OUT
from .models import Device, Precision, Threads, chosen_compute, prepare


def run(
    out: Annotated[Path, typer.Option(help="Folder for everything that is made.")] = OUT,
    steps: Annotated[
        int | None, typer.Option(min=1, max=MOST_SAMPLES, help="Steps of fine-tuning [default: 120].")
    ] = None,
    plan: Annotated[str, typer.Option(help="Characterization plan, or path of a TOML file.")] = "nominal",
    jobs: Annotated[
        int | None, typer.Option(min=1, max=MOST_JOBS, help="Simulations at once [default: all cores].")
    ] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Characterize generic28 in ngspice, fit it, adapt the shipped GPT-2 to it, and report.

    Runs characterize, fit, adapt, evaluate, account, cosim and report one after the other. An interrupted run
    continues where it stopped; a second run reads back what has not changed.

    Examples:

        gaincell demo

        gaincell demo --out out/longer --steps 2000
    """
    from ...circuits.files import require_folder

    require_folder(out)
    prepare(threads)
    from ..pipeline import STEPS, run_demo

    compute = chosen_compute(device, precision)
    started = time.perf_counter()
    with progress("demo", "") as update:
        results = run_demo(
            out,
            plan=plan,
            steps=steps or STEPS,
            jobs=jobs,
            compute=compute,
            update=lambda item, done, total, share=None: update(done, total, item, share),
        )
    seconds = time.perf_counter() - started
    if as_json:
        emit(results | compute.record() | {"seconds": seconds})
        return
    stdout.print(_summary(results))
    used = compute.record()
    where = f"on {used['device']} ({used['processor']}), {used['precision']}"
    note(f"{seconds:.0f} s {where}; everything is in {out}")
    page = Path(results["report"]).resolve()
    stdout.print(f"report: {page}", soft_wrap=True)


def _summary(results: dict[str, Any]):
    from rich.table import Table

    table = Table(title="gaincell demo: from transistors to text", show_header=False)
    points = results["characterize"]
    table.add_row("simulated points", f"{points['points']} ({points['failed']} failed)")
    checks = results["fit"]["checks"]
    table.add_row("circuit limits met", f"{sum(check['met'] for check in checks)} of {len(checks)}")
    for key in ("cell table", "K column", "V column"):
        error = results["fit"]["surrogates"][key]
        table.add_row(f"{key}, unseen points", f"{error['rms']:.2%} rms {error['unit']}")
    for stage in results["cosim"]["stages"]:
        label = f"product {stage['stage']} in SPICE, real activations"
        table.add_row(label, f"{stage['rms']:.2%} rms, {stage['worst']:.2%} worst of T_max")
    table.add_section()
    evaluation = results["evaluate"]
    for row, perplexity in evaluation["perplexity"].items():
        if perplexity is not None:
            nats = evaluation["nats_per_byte"][row]
            table.add_row(f"perplexity per byte, {row}", f"{perplexity:,.2f} ({nats:.3f} nats)")
    table.add_section()
    account = results["account"]
    table.add_row("energy per token and head", f"{account['energy_per_token_head_J'] * 1e9:.2f} nJ")
    table.add_row("latency per token and layer", f"{account['latency_s'] * 1e9:.1f} ns")
    for name, ratio in account["ratios"].items():
        table.add_row(
            f"{name} (published) over this", f"{ratio['energy']:,.0f}x energy, {ratio['latency']:,.0f}x time"
        )
    return table
