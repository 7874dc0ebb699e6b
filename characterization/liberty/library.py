"""The Liberty library of the standard cells, from the tables of their procedures.

Delay and slew are the longest over the states of the other inputs. Energies are complete: a driver pays the
capacitance of a pin, as its load; what an input takes beyond it in some state, and what the cell takes from
the supply beyond the charge of its loads, is internal power. So each edge, in each state, costs what it costs
in SPICE.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from ...circuits.errors import TableError
from ...circuits.standard_cells import CELLS, StandardCell
from ...circuits.testbench import Condition
from ...circuits.testbench.standard_cells import SLEW_SHARE
from .area import cell_area
from .power import pin_capacitances, with_internal_energy, write_input_power, write_output_power
from .syntax import (
    CONSTRAINT,
    DELAY,
    ENERGY,
    FEMTO,
    MICRO,
    NANO,
    PASSIVE,
    PICO,
    Group,
    condition_of,
    numbers,
    quoted,
)
from .timing import write_constraints, write_timing

LIBERTY_PROCEDURES = ("standard_cell", "standard_cell_leakage", "standard_cell_constraint")
"""Procedures whose tables a Liberty file needs."""


def origin(manifest: dict[str, Any]) -> str:
    """One line about the origin of tables, for a Liberty file: the same for the same circuits and models.

    Args:
        manifest: from `table.read_manifest`.
    """
    technology = manifest["technology"]
    return (
        f"gaincell {manifest['gaincell']}, ngspice {manifest['ngspice']}, technology {technology['name']} "
        f"{technology['digest'][:12]}; areas are estimates"
    )


def liberty_text(condition: Condition, tables: dict[str, pd.DataFrame], comment: str) -> str:
    """The Liberty file of one condition.

    Args:
        condition: technology, corner, temperature and supply of the tables.
        tables: table of each of `LIBERTY_PROCEDURES`, by name.
        comment: origin of the tables, on one line.

    Raises:
        TableError: a point of a table has failed.
    """
    for name in LIBERTY_PROCEDURES:
        failed = tables[name][tables[name]["status"] != "ok"]
        if len(failed):
            raise TableError(
                f"{len(failed)} of {len(tables[name])} points of {name} failed: {failed['message'].iloc[0]}"
            )
    edges = tables["standard_cell"]
    library = _library(condition, comment, edges, tables["standard_cell_constraint"])
    for cell in CELLS.values():
        own = {name: table[table["cell"] == cell.name] for name, table in tables.items()}
        library.items.append(_cell(condition, cell, own))
    return library.text() + "\n"


def _library(condition: Condition, comment: str, edges: pd.DataFrame, constraints: pd.DataFrame) -> Group:
    technology, vdd = condition.technology, condition.vdd
    name = f"{technology.name}_{condition.corner}_{condition.temperature:g}c_{vdd:g}v"
    name = "".join(c if c.isalnum() else "_" for c in name)
    library = Group("library", (name,))
    library.call("capacitive_load_unit", "1", "ff").call("voltage_map", "vdd", f"{vdd:g}")
    library.call("voltage_map", "vss", "0")
    low, high = 50 - 50 * SLEW_SHARE, 50 + 50 * SLEW_SHARE
    for attribute, value in {
        "comment": quoted(comment.replace('"', "'")),
        "delay_model": "table_lookup",
        "time_unit": quoted("1ps"),
        "voltage_unit": quoted("1V"),
        "current_unit": quoted("1uA"),
        "leakage_power_unit": quoted("1nW"),
        "pulling_resistance_unit": quoted("1kohm"),
        "nom_process": 1.0,
        "nom_temperature": condition.temperature,
        "nom_voltage": vdd,
        "slew_derate_from_library": 1.0,
        "slew_lower_threshold_pct_rise": low,
        "slew_lower_threshold_pct_fall": low,
        "slew_upper_threshold_pct_rise": high,
        "slew_upper_threshold_pct_fall": high,
        "input_threshold_pct_rise": 50.0,
        "input_threshold_pct_fall": 50.0,
        "output_threshold_pct_rise": 50.0,
        "output_threshold_pct_fall": 50.0,
        "default_cell_leakage_power": 0.0,
        "default_fanout_load": 1.0,
        "default_input_pin_cap": 0.0,
        "default_output_pin_cap": 0.0,
        "default_inout_pin_cap": 0.0,
        "default_max_transition": edges["slew"].max() / PICO,
    }.items():
        library.set(attribute, value)
    corner = library.add("operating_conditions", condition.corner)
    corner.set("process", 1.0).set("temperature", condition.temperature).set("voltage", vdd)
    library.set("default_operating_conditions", condition.corner)
    slews, loads = _sizes(edges)
    constraint = [sorted(constraints[name].unique() / PICO) for name in ("slew_clock", "slew_data")]
    for kind, name, variables, axes in (
        (
            "lu_table_template",
            DELAY,
            ("input_net_transition", "total_output_net_capacitance"),
            (slews, loads),
        ),
        (
            "power_lut_template",
            ENERGY,
            ("input_transition_time", "total_output_net_capacitance"),
            (slews, loads),
        ),
        ("power_lut_template", PASSIVE, ("input_transition_time",), (slews,)),
        (
            "lu_table_template",
            CONSTRAINT,
            ("related_pin_transition", "constrained_pin_transition"),
            constraint,
        ),
    ):
        template = library.add(kind, name)
        for i, (variable, axis) in enumerate(zip(variables, axes, strict=True), start=1):
            template.set(f"variable_{i}", variable)
            template.call(f"index_{i}", numbers(axis))
    return library


def _sizes(edges: pd.DataFrame) -> tuple[list[float], list[float]]:
    """Slews (ps) and loads (fF) of the smallest cell, for the templates; each table has its own."""
    smallest = edges[edges["cell"] == next(iter(CELLS))]
    return sorted(smallest["slew"].unique() / PICO), sorted(smallest["load"].unique() / FEMTO)


def _cell(condition: Condition, cell: StandardCell, tables: dict[str, pd.DataFrame]) -> Group:
    vdd, edges = condition.vdd, tables["standard_cell"]
    group = Group("cell", (cell.name,))
    group.set("area", cell_area(condition.technology, cell.name) / MICRO**2)
    leakage = tables["standard_cell_leakage"]
    group.set("cell_leakage_power", float(leakage["leakage"].mean()) / NANO)
    if cell.kind == "clock_gate":
        group.set("clock_gating_integrated_cell", quoted("latch_posedge"))
    for name, kind in (("vdd", "primary_power"), ("vss", "primary_ground")):
        group.add("pg_pin", name).set("voltage_name", name).set("pg_type", kind)
    for state, power in zip(leakage["state"], leakage["leakage"], strict=True):
        one = group.add("leakage_power")
        one.set("when", quoted(condition_of(state))).set("value", float(power) / NANO)
    _memory(group, cell)
    capacitances = pin_capacitances(edges, vdd)
    edges = with_internal_energy(edges, capacitances, vdd)
    for pin in cell.inputs:
        inside = group.add("pin", pin).set("direction", "input")
        rise, fall = (capacitances[pin, edge] / FEMTO for edge in ("rise", "fall"))
        inside.set("capacitance", (rise + fall) / 2)
        inside.set("rise_capacitance", rise).set("fall_capacitance", fall)
        inside.set("max_transition", edges["slew"].max() / PICO)
        inside.set("related_power_pin", "vdd").set("related_ground_pin", "vss")
        if pin == cell.clock and cell.kind != "latch":
            inside.set("clock", True)
        if cell.kind == "clock_gate":
            inside.set("clock_gate_clock_pin" if pin == cell.clock else "clock_gate_enable_pin", True)
        write_constraints(inside, cell, pin, tables["standard_cell_constraint"])
        write_input_power(inside, cell, pin, edges)
    for output, function in cell.outputs.items():
        inside = group.add("pin", output).set("direction", "output").set("function", quoted(function))
        inside.set("max_capacitance", edges["load"].max() / FEMTO)
        inside.set("related_power_pin", "vdd").set("related_ground_pin", "vss")
        if cell.kind == "clock_gate":
            inside.set("clock_gate_out_pin", True)
        write_timing(inside, cell, output, edges)
        if output == next(iter(cell.outputs)):
            write_output_power(inside, cell, edges)
    return group


def _memory(group: Group, cell: StandardCell) -> None:
    """Add the ff or latch group of a cell with memory. Its variable is that of the last latch."""
    if cell.kind == "combinational":
        return
    name = cell.latches[-1].name
    kind, enable, data = {
        "flip_flop": ("ff", "clocked_on", "next_state"),
        "latch": ("latch", "enable", "data_in"),
        "clock_gate": ("latch", "enable", "data_in"),
    }[cell.kind]
    when = cell.latches[-1].enable if kind == "latch" else cell.clock
    group.add(kind, name, f"{name}n").set(enable, quoted(when)).set(data, quoted(cell.next_state))
