"""Laws of a head's periphery from the costs of its blocks, with estimates of what no netlist has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import numpy as np

from ...circuits.digital import Periphery
from ...circuits.digital.liberty import Library
from ...circuits.digital.sequence import Sequence as Sequencer
from ...circuits.errors import ToolError
from ...circuits.files import digest
from ...circuits.floorplan import BAND, CELL_FILL, WIRE_PITCH, branch_length, sub_tile_areas, tree_length
from ...circuits.technology import Technology
from ...models import Hardware
from ...models.cost import AreaPart, Event, Events, Leakage, StageEnergy
from ...models.periphery import LawError, PeripheryLaws, sizes_of
from .cost import BlockCost
from .laws import BlockLaw, fit_law

STAGES: Mapping[str, tuple[str, ...]] = {
    "query pulse generators": ("pulse_generators_gray",),
    "read-out counters": ("readout_gray",),
    "sums over sub-tiles": ("tile_accumulator",),
    "division": ("divider",),
    "sequencer, ring and write selection": (
        *("sequencer", "ring_pointer", "word_line_decoder", "write_level_select"),
    ),
    "scalers": ("query_scaler", "key_scaler", "value_scaler", "output_scaler"),
}
"""Blocks of each stage."""
PER_SUB_TILE = ("readout_gray", "tile_accumulator")
"""Blocks whose number or size is proportional to the sub-tiles."""
BUFFER = "buf_x8"
"""Cell that repeats and distributes lines."""
FAN_OUT = 32
"""Load of a buffer in input capacitances of the smallest inverter: four for each of its eight drives."""
SQUARE_MICROMETRE = 1e-12
"""Unit of the areas in a Liberty file of `gaincell liberty`, m2."""
RISES_OF_A_BIT = 0.25
"""Rising edges per bit of a word on a bus whose words are random."""
NOTE = (
    "toggles of the synthesised netlist, driven by a network's activations, x Liberty tables from SPICE; "
    "without wires and clock tree"
)
"""Origin of the laws of blocks."""
REACH = 2.0
"""Distance of words inside a head, in pitches of a sub-tile: half the side of a head of 16 sub-tiles."""


def laws_of(
    costs: Sequence[BlockCost],
    periphery: Periphery,
    library: Library,
    hardware: Hardware,
    record: Mapping[str, Any],
) -> PeripheryLaws:
    """Laws of the periphery of a hardware, with a record of their origin.

    Args:
        costs: costs of all blocks, on the library.
        periphery: sizes of the blocks.
        library: cells, written by `gaincell liberty` at the condition of the hardware.
        hardware: hardware whose circuits drive the blocks.
        record: record of the run, of which the model, window and sizes of words are kept.

    Raises:
        ToolError: the library has another supply, or no buffers.
        TechnologyError: the technology of the hardware cannot be loaded.
    """
    condition = hardware.provenance["condition"]
    netlists = {cost.name: sha256(cost.netlist.text.encode()).hexdigest() for cost in costs if cost.uses}
    names = ("model", "hardware", "window", "depth", "word", "operations", "t_pulse_max")
    source = {name: record[name] for name in names}
    source |= {"liberty": library.name, "liberty_sha256": digest(library.path), "netlists_sha256": netlists}
    technology = Technology.load(hardware.provenance["technology"]["source"])
    return periphery_laws(costs, periphery, library, technology, condition, source)


def periphery_laws(
    costs: Sequence[BlockCost],
    periphery: Periphery,
    library: Library,
    technology: Technology,
    condition: Mapping[str, Any],
    source: Mapping[str, Any],
) -> PeripheryLaws:
    """Laws of the periphery of one head.

    Args:
        costs: costs of all blocks, on the library.
        periphery: sizes of the blocks.
        library: cells, written by `gaincell liberty` at the condition.
        technology: technology of the circuits.
        condition: condition of the hardware's tables.
        source: record of the activations and of the netlists.

    Raises:
        ToolError: the library has another supply, or no buffers.
    """
    if abs(library.vdd - condition["vdd"]) > 1e-6:
        raise ToolError(
            f"library {library.name} is for {library.vdd:g} V, the hardware for {condition['vdd']:g} V; "
            f"write one with: gaincell liberty --vdd {condition['vdd']:g}"
        )
    used = [cost for cost in costs if cost.uses]
    longest = periphery.designs.clocking.t_pulse_max
    own_pulse = (condition.get("designs") or {}).get("clocking", {}).get("t_pulse_max", longest)
    note = NOTE if own_pulse == longest else f"{NOTE}; with the slower clock of a T_max of {longest:g} s"
    laws = {cost.name: block_law(cost) for cost in used}
    stages = []
    for name, blocks in STAGES.items():
        if own := [laws[block].joules for block in blocks if block in laws]:
            stages.append(StageEnergy(name=name, origin="simulated", law=Events(joules=_sum(own)), note=note))
    stages.append(_leakage(used, periphery))
    area = _areas(used, periphery, technology)
    pitch = sum(part.square_metres for part in area if part.per == "sub-tile")
    stages += _estimates(used, laws, periphery, library, pitch)
    return PeripheryLaws(
        **{name: condition[name] for name in ("technology", "corner", "temperature", "vdd")},
        sizes=sizes_of(condition["designs"]),
        stages=tuple(stages),
        errors={name: law.error for name, law in laws.items() if law.error} | {"head": head_error(used)},
        area=area,
        source=dict(source),
    )


def block_law(cost: BlockCost) -> BlockLaw:
    """Law of one block.

    Args:
        cost: its cost on a library.
    """
    return fit_law(_events(cost), cost.activity.operations, cost.case.layers[1:])


def _events(cost: BlockCost) -> dict[Event, np.ndarray]:
    """Events of all operations but the first, which starts from unknown levels."""
    return {name: np.asarray(values)[1:] for name, values in cost.case.events.items()}


def head_error(costs: Iterable[BlockCost]) -> LawError:
    """Error of all blocks of a head together, on each layer that their laws have not seen.

    Args:
        costs: costs of the blocks that a head has.
    """
    costs = [cost for cost in costs if len(np.unique(cost.case.layers)) > 1]
    errors = []
    for layer in np.unique(costs[0].case.layers):
        wanted = predicted = 0.0
        for cost in costs:
            seen = cost.case.layers[1:] != layer
            events, energies = _events(cost), cost.activity.operations
            known = {name: x[seen] for name, x in events.items()}
            law = fit_law(known, energies[seen], np.zeros(int(seen.sum())))
            wanted += cost.uses * energies[~seen].mean()
            predicted += cost.uses * sum(law.joules[name] * x[~seen].mean() for name, x in events.items())
        errors.append(abs(predicted / wanted - 1))
    return LawError(
        rms=float(np.sqrt(np.mean(np.square(errors)))),
        worst_layer=float(max(errors)),
        operations=sum(len(cost.activity.operations) for cost in costs),
    )


def _leakage(costs: Iterable[BlockCost], periphery: Periphery) -> StageEnergy:
    head = sub_tile = 0.0
    for cost in costs:
        if cost.name in PER_SUB_TILE:
            sub_tile += cost.leakage * cost.instances / periphery.tiles
        else:
            head += cost.leakage * cost.instances
    return StageEnergy(
        name="leakage of the digital circuits",
        origin="simulated",
        law=Leakage(head=head, sub_tile=sub_tile),
        note="leakage of every cell in its states, from SPICE, over the token period",
    )


def _areas(costs: Iterable[BlockCost], periphery: Periphery, technology: Technology) -> tuple[AreaPart, ...]:
    digital = {"head": 0.0, "sub-tile": 0.0}
    for cost in costs:
        area = cost.netlist.area * cost.instances * SQUARE_MICROMETRE / CELL_FILL
        if cost.name in PER_SUB_TILE:
            digital["sub-tile"] += area / periphery.tiles
        else:
            digital["head"] += area
    parts = [
        AreaPart(name=name, square_metres=area, per="sub-tile", note="floorplan.footprint")
        for name, area in sub_tile_areas(periphery.designs, technology).items()
    ]
    parts += [
        AreaPart(
            name=f"digital circuits per {per}", square_metres=area, per=per, note="standard cells / CELL_FILL"
        )
        for per, area in digital.items()
    ]
    return tuple(parts)


def _estimates(
    costs: Sequence[BlockCost],
    laws: Mapping[str, BlockLaw],
    periphery: Periphery,
    library: Library,
    sub_tile: float,
) -> list[StageEnergy]:
    """Wires inside blocks, clock tree and routing: lengths x `c_wire` x V^2; sub_tile: area of one, m2."""
    wire = periphery.designs.array.c_wire / WIRE_PITCH * library.vdd**2
    buffers = buffer_share(library)
    branches: list[Mapping[Event, float]] = []
    buffered: list[Mapping[Event, float]] = []
    for cost in costs:
        length = branch_length(cost.netlist.area * SQUARE_MICROMETRE, len(cost.netlist.instances))
        charged = cost.activity.pin_toggles * 0.5 * wire * length
        branches.append(fit_law(_events(cost), charged, cost.case.layers[1:]).joules)
        share = buffers * cost.activity.clock / cost.activity.dynamic
        buffered.append({name: share * joules for name, joules in laws[cost.name].joules.items()})
    line = wire * tree_length(sub_tile) * (1 + buffers)
    reach = wire * REACH * np.sqrt(sub_tile) * (1 + buffers)
    lines = len(Sequencer.of(periphery.designs).lines)
    levels = np.log2(periphery.designs.levels.key)
    bits = {"query element": periphery.word, "key element": periphery.word, "value element": periphery.word}
    bits |= {"output element": periphery.word, "written element": levels}
    routing: dict[Event, float] = {name: RISES_OF_A_BIT * count * reach for name, count in bits.items()}
    routing |= {"row pulse": line, "sub-tile": lines * line}
    routing["read-out pulse"] = np.log2(periphery.counts + 1) / 2 * reach
    clocks = {"sub-tile": (periphery.counts + 2) * line}
    tree = f"H-tree of 1.5 sub-tile pitches per sub-tile, pitch {np.sqrt(sub_tile) * 1e6:.0f} um"
    with_buffers = f"c_wire V^2 (1 + {buffers:.2f} for buffers)"
    return [
        StageEnergy(
            name="wires inside the digital blocks",
            origin="estimate",
            law=Events(joules=_sum(branches)),
            note="toggles of input pins x c_wire V^2 / 2 x two pitches of the standard cells",
            band=BAND,
        ),
        StageEnergy(
            name="clock tree",
            origin="estimate",
            law=Events(joules=_sum([*buffered, clocks])),
            note=f"{periphery.counts + 2} clocks of the read-out x {tree} x {with_buffers}; buffers of the "
            f"blocks' clock nets: {buffers:.2f} of the nets' energy",
            band=BAND,
        ),
        StageEnergy(
            name="routing",
            origin="estimate",
            law=Events(joules=routing),
            note=f"query pulses and {lines} lines of the sequencer x {tree} x {with_buffers}; words of q, k, "
            f"v, output and levels with {RISES_OF_A_BIT:g} rises a bit, and half the bits of a read-out, "
            f"over {REACH:g} pitches",
            band=BAND,
        ),
    ]


def buffer_share(library: Library) -> float:
    """Energy of a buffer and of its input, as a fraction of the energy of the load that it drives.

    Args:
        library: cells of `gaincell liberty`.

    Raises:
        ToolError: the library has no such buffer.
    """
    load = FAN_OUT * next(pin.capacitance for pin in library.kind("inv_x1").pins.values() if not pin.output)
    pins = library.kind(BUFFER).pins.values()
    joules = sum(pin.capacitance for pin in pins if not pin.output) * library.vdd**2
    for pin in pins:
        if pin.output:
            for edge in ("rise_power", "fall_power"):
                joules += np.mean(
                    [arc.tables[edge](library.slew, load) for arc in pin.power if edge in arc.tables]
                )
    return float(joules / (load * library.vdd**2))


def _sum(laws: Iterable[Mapping[Event, float]]) -> dict[Event, float]:
    total: dict[Event, float] = {}
    for law in laws:
        for event, joules in law.items():
            total[event] = total.get(event, 0.0) + float(joules)
    return total
