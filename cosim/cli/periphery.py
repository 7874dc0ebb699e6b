"""`gaincell periphery`: the digital periphery in gates, driven by a model's activations."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import Json, emit, fail, note, progress, stdout
from .defaults import MOST_SAMPLES
from .models import (
    Base,
    Device,
    HardwareOption,
    ModelArgument,
    Precision,
    Threads,
    chosen_compute,
    chosen_hardware,
    prepare,
)
from .quantities import quantity_in

if TYPE_CHECKING:
    from ..periphery.cost import BlockCost
    from ..periphery.timing import BlockTiming, CornerPeriod


def run(
    model: ModelArgument = "demo",
    base: Base = None,
    hardware: HardwareOption = None,
    liberty: Annotated[
        Path | None,
        typer.Option(help="Cells from `gaincell liberty` [default: generic gates without time and energy]."),
    ] = None,
    timing: Annotated[
        list[Path] | None,
        typer.Option(help="Cells at another corner, to time the same netlists with; repeat it."),
    ] = None,
    corners: Annotated[
        bool, typer.Option("--corners", help="Also simulate the longest path in transistors at all corners.")
    ] = False,
    supply: Annotated[
        list[float] | None,
        typer.Option(
            parser=quantity_in("V"), help="Supply of --corners; repeat it [default: the hardware's]."
        ),
    ] = None,
    operations: Annotated[
        int, typer.Option(min=2, max=MOST_SAMPLES, help="Attention operations to simulate.")
    ] = 16,
    word: Annotated[int, typer.Option(min=4, max=24, help="Bits of q, k, v and of the scalers.")] = 8,
    curve: Annotated[
        list[int] | None,
        typer.Option(
            min=4, max=24, help="Also measure the perplexity with scalers of so many bits; repeat it."
        ),
    ] = None,
    wire: Annotated[
        float | None,
        typer.Option(parser=quantity_in("F"), help="Capacitance of the wire to each input pin [default: 0]."),
    ] = None,
    pulse: Annotated[
        float | None,
        typer.Option(
            parser=quantity_in("s"),
            help="T_max of the gates, where their clock does not close with the hardware's.",
        ),
    ] = None,
    text: Annotated[
        Path | None, typer.Option(help="Text to read [default: held-out side of the demo corpus].")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the netlists and periphery.json.")] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Synthesise the digital periphery, check it bit by bit, and measure its energy.

    The model reads text. Each block's Verilog and its netlist compute with the signals of the model's
    attention, and their results are compared with the Python model. The energy is toggles x tables of the
    Liberty file. With --liberty, the folder gets laws.json: the energies as sums over events of the
    activations, which `gaincell fit --periphery` puts into hardware.
    With --timing, each netlist is timed with the cells of other conditions too; --corners needs no other
    cells: the longest path of the slowest block is simulated in transistors, at -40, 27 and 125 C.
    Exit status 1 when a result differs.

    Examples:

        gaincell periphery demo

        gaincell periphery demo --liberty out/cells.lib --out out/periphery

        gaincell periphery demo --liberty out/cells.lib --timing out/ss.lib --timing out/ff.lib

        gaincell periphery demo --liberty out/cells.lib --corners --supply 0.9 --supply 0.873

        gaincell periphery demo --hardware out/gf180mcu --liberty out/gf180mcu.lib --pulse 72n

        gaincell periphery demo --curve 6 --curve 8
    """
    from ...circuits.digital import Periphery
    from ...circuits.digital.liberty import Library
    from ...circuits.digital.tools import find
    from ...circuits.digital.waves import sequencer_dump
    from ...circuits.errors import ToolError
    from ...circuits.files import require_folder, write_json, write_text

    if (timing or corners) and liberty is None:
        raise ToolError("timing needs netlists of cells; give those of their synthesis with --liberty")
    if out is not None:
        require_folder(out)
    for program in ("iverilog", "vvp", "yosys", *(["sta"] if liberty else [])):
        find(program)
    library = None if liberty is None else Library.read(liberty)
    others = [Library.read(path) for path in timing or []]
    prepare(threads)
    from ..network.checkpoints import locate
    from ..network.documents import joined, open_text
    from ..periphery.activations import trace_activations
    from ..periphery.bill import BUFFER, laws_of
    from ..periphery.cost import block_costs
    from ..periphery.designs import designs_of
    from ..periphery.fixed_point import word_curve
    from ..periphery.timing import block_timings, corner_periods

    content = None if text is None else joined(open_text(text))
    checkpoint, compute = locate(model, base), chosen_compute(device, precision)
    chosen = chosen_hardware(hardware, None, checkpoint)
    designs = designs_of(chosen, pulse)
    with progress("periphery", "blocks") as update:
        activations = trace_activations(checkpoint, chosen, content=content, compute=compute)
        periphery = Periphery(
            designs, window=activations.window, depth=activations.query_levels.shape[1], word=word
        )
        found = list(
            block_costs(
                activations, periphery, library, operations=operations, wire=wire or 0.0, report=update
            )
        )
    timings = [one for other in others for one in block_timings(found, other)]
    everywhere = []
    if corners:
        condition = chosen.provenance["condition"]
        everywhere = list(corner_periods(found, condition, supply or [condition["vdd"]]))
    perplexity = None
    if curve:
        with progress("perplexity", "windows") as update:
            perplexity = word_curve(
                checkpoint,
                chosen,
                curve,
                content=content,
                compute=compute,
                report=lambda row, done, total: update(done, total, row),
            )
    record = {
        "model": checkpoint.name,
        "hardware": chosen.name,
        "library": None if library is None else library.name,
        "window": periphery.window,
        "depth": periphery.depth,
        "word": word,
        "wire": wire or 0.0,
        "operations": operations,
        "t_pulse_max": designs.clocking.t_pulse_max,
        "perplexity": perplexity and {str(bits or "exact"): value for bits, value in perplexity.items()},
        "blocks": [cost.record() for cost in found],
        "timing": [asdict(one) | {"closes": one.closes} for one in timings],
        "corners": [asdict(one) for one in everywhere],
        "joules_per_token_head": sum(cost.per_token for cost in found if cost.uses),
        "leakage": sum(cost.leakage * cost.instances for cost in found if cost.instances),
    }
    wrong = [cost.name for cost in found if cost.differing or cost.differing_gates]
    if out is not None:
        for cost in found:
            write_text(out / f"{cost.name}.v", cost.netlist.text)
        write_json(out / "periphery.json", _plain(record))
        write_text(out / "sequencer.vcd", sequencer_dump(periphery))
        # A netlist with wrong results, at a clock that does not close, has no energy worth a law.
        if library is not None and BUFFER in library.cells and not wrong:
            laws = laws_of(found, periphery, library, chosen, record)
            laws.write(out / "laws.json")
    complaint = f"results of {', '.join(wrong)} differ from the Python model" if wrong else None
    if as_json:
        emit(record | ({} if complaint is None else {"error": complaint}))
    else:
        stdout.print(_table(found, record))
        if everywhere:
            stdout.print(_corner_table(everywhere))
        for remark in [*_remarks(found, periphery), *_closing(timings, periphery)]:
            note(remark)
        for bits, value in (perplexity or {}).items():
            scalers = "in floating point" if bits is None else f"of {bits} bits"
            note(f"perplexity with scalers {scalers}: {value:.4f}")
    if complaint is not None:
        fail(complaint)


def _plain(record: dict) -> dict:
    """The record with None for numbers that are not finite, which JSON does not have."""

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [plain(item) for item in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return plain(record)


def _table(found: list[BlockCost], record: dict):
    from rich.table import Table

    cells = record["library"] or "generic gates"
    title = f"digital periphery of one head, window {record['window']}, {record['model']} on {cells}"
    table = Table("block", "instances", "cells", "um2", "ns", "fJ", "pJ a token", "nW", title=title)
    for column in table.columns[1:]:
        column.justify = "right"

    def number(value: float | None, scale: float, form: str) -> str:
        return "-" if value is None or not math.isfinite(value) else f"{value * scale:{form}}"

    for cost in found:
        table.add_row(
            cost.name,
            f"{cost.instances:g}" if cost.instances else "-",
            str(len(cost.netlist.instances)),
            number(cost.netlist.area, 1, ".1f"),
            number(cost.shortest, 1e9, ".3f"),
            number(cost.joules, 1e15, ".2f"),
            number(cost.per_token, 1e12, ".3f") if cost.uses else "-",
            number(cost.leakage, 1e9, ".1f"),
        )
    table.caption = "per instance; fJ: one operation without leakage; ns: shortest clock period, or delay"
    return table


def _corner_table(periods: list[CornerPeriod]):
    from rich.table import Table

    first = periods[0]
    temperatures = list(dict.fromkeys(one.temperature for one in periods))
    title = f"clock period of {first.block} at every corner, ns; it has {first.period * 1e9:.3f} ns"
    table = Table("supply", "corner", *(f"{value:g} C" for value in temperatures), title=title)
    for vdd, corner in dict.fromkeys((one.vdd, one.corner) for one in periods):
        own = [one.shortest for one in periods if (one.vdd, one.corner) == (vdd, corner)]
        table.add_row(f"{vdd:g} V", corner, *(f"{shortest * 1e9:.3f}" for shortest in own))
    return table


def _remarks(found: list[BlockCost], periphery) -> list[str]:
    remarks = [
        f"{sum(cost.results for cost in found)} results of the Verilog compared with the Python model, "
        f"{sum(cost.differing for cost in found)} differ"
    ]
    timed = [cost for cost in found if cost.shortest is not None and cost.period is not None and cost.uses]
    if not timed:
        return remarks
    total = sum(cost.per_token for cost in found if cost.uses)
    area = sum(cost.netlist.area * cost.instances for cost in found)
    leakage = sum(cost.leakage * cost.instances for cost in found)
    remarks.append(
        f"one head: {total * 1e12:.2f} pJ a token, {area:.0f} um2 of cells, {leakage * 1e6:.2f} uW of leakage"
    )
    slow = max(timed, key=lambda cost: cost.shortest / cost.period)
    remarks.append(
        f"the clock of {slow.period * 1e9:.3f} ns "
        + ("closes" if slow.closes else "does not close")
        + f": {slow.name} needs {slow.shortest * 1e9:.3f} ns"
    )
    t_max = periphery.designs.clocking.t_pulse_max
    for blocks, some in (
        ("pulses, read-out and sequencer", ("pulse", "readout", "sequencer")),
        ("all blocks", ("",)),
    ):
        stretch = max(cost.shortest / cost.period for cost in timed if cost.name.startswith(some))
        remarks.append(f"{blocks} close down to T_max = {stretch * t_max * 1e9:.2f} ns")
    ratios = [cost.averaged for cost in timed if cost.averaged is not None]
    remarks.append(
        f"energy from the nets' mean rates, as timing tools compute it: {min(ratios):.2f} to "
        f"{max(ratios):.2f} times that of the single edges, by block"
    )
    late = [cost for cost in found if cost.late]
    remarks += [f"{cost.name} counts {cost.late * 1e12:.0f} ps late against the ideal edges" for cost in late]
    return remarks


def _closing(timings: list[BlockTiming], periphery) -> list[str]:
    """The slowest block of each library, and the T_max with which all close."""
    from ..periphery.timing import closing_pulse

    remarks = []
    for name in dict.fromkeys(timing.library for timing in timings):
        own = [timing for timing in timings if timing.library == name]
        slow = max(own, key=lambda timing: timing.shortest / timing.period)
        late = [timing.block for timing in own if timing.hold < 0]
        t_max = closing_pulse(own, periphery.designs.clocking.t_pulse_max)
        verdict = "close" if all(timing.closes for timing in own) else "do not close"
        remarks.append(
            f"{name}: the clocks {verdict}; {slow.block} needs {slow.shortest * 1e9:.3f} of "
            f"{slow.period * 1e9:.3f} ns, all blocks a T_max of {t_max * 1e9:.2f} ns"
            + (f"; hold is missed in {', '.join(late)}" if late else "")
        )
    return remarks
