"""Static timing by OpenSTA: the shortest clock period of a netlist, and its power at given inputs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import ToolError
from .synthesis import Netlist
from .tools import run, run_folder

STEPS = 40
"""Largest number of analyses in the search of a period."""


@dataclass(frozen=True)
class Timing:
    """Result of the timing analysis of a netlist."""

    period: float
    """Clock period of the analysis, s."""
    slack: float
    """Smallest slack of set-up, s; negative if the period is too short."""
    hold: float
    """Smallest slack of hold between flip-flops, s; infinite if there are none."""
    power: Mapping[str, tuple[float, float, float]] | None = None
    """Internal power, power of the nets and leakage of each instance, W; None without activities."""

    @property
    def leakage(self) -> float | None:
        """Leakage of all instances, W; None without activities."""
        return None if self.power is None else sum(leakage for _, _, leakage in self.power.values())


def shortest_period(netlist: Netlist, period: float, *, timeout: float = 300.0) -> Timing:
    """Timing at the shortest clock period that closes, within 0.1 ps.

    Args:
        netlist: cells of a library.
        period: clock period to begin with, s.
        timeout: wall-clock limit of each analysis, s.

    Raises:
        ToolError: as `analyse`, or no period closes.
    """
    for _ in range(STEPS):
        timing = analyse(netlist, period, timeout=timeout)
        if 0 <= timing.slack < 1e-13:
            return timing
        # A path from one edge of the clock to the other gains half of what the period gains.
        period = max(1e-12, period - timing.slack + 2e-14)
    raise ToolError(f"no clock period closes the timing of {netlist.block.name}; check its netlist")


def analyse(
    netlist: Netlist,
    period: float,
    *,
    toggles: Mapping[str, float] | None = None,
    high: Mapping[str, float] | None = None,
    timeout: float = 300.0,
) -> Timing:
    """Timing of a netlist with an ideal clock.

    Inputs arrive with the clock and outputs must be stable a period later.

    OpenSTA 2.0.17 takes the activities of inputs only. It derives those of inner nets from them, as if the
    nets were independent, and overwrites what is set for them; a net behind a clock gate has the clock's. So
    its power is no second opinion on a simulated activity; `average_power.second_opinion` is.

    Args:
        netlist: cells of a library, with an input `clk`; a combinational one is timed from inputs to outputs.
        period: clock period, s.
        toggles: toggles per clock period of the nets of the inputs; None: no power.
        high: share of time at which those nets are high.
        timeout: wall-clock limit, s.

    Raises:
        ToolError: OpenSTA is missing or fails, or the netlist has generic gates.
    """
    commands = ["report_checks -path_delay max -digits 3", "report_checks -path_delay min -digits 3"]
    if toggles is not None:
        commands += [
            *_activities(netlist, toggles, high or {}),
            "report_power -digits 8 -instances [get_cells *]",
        ]
    log = _session(netlist, period, commands, timeout)
    slacks = [float(value) * 1e-12 for value in re.findall(r"(-?[\d.]+)\s+slack", log)]
    if "No paths found" in log and len(slacks) == 1:
        slacks.append(float("inf"))
    if len(slacks) != 2:
        raise ToolError(f"sta found no paths in {netlist.block.name}: {' '.join(log.split())[-200:]}")
    power = None
    if toggles is not None:
        rows = re.findall(r"^\s*(\S+)\s+(\S+)\s+(\S+)\s+\S+\s+(\w+)$", log, re.MULTILINE)
        names = {instance.name for instance in netlist.instances}
        power = {name: (float(a), float(b), float(c)) for a, b, c, name in rows if name in names}
    return Timing(period, slacks[0], slacks[1], power)


def path_report(netlist: Netlist, period: float, *, timeout: float = 300.0) -> str:
    """OpenSTA's report of the path with the least slack of set-up, with the input pin of every cell.

    Args:
        netlist: cells of a library.
        period: clock period, s.
        timeout: wall-clock limit, s.

    Raises:
        ToolError: as `analyse`.
    """
    return _session(
        netlist, period, ["report_checks -path_delay max -digits 3 -fields {input_pins}"], timeout
    )


def _session(netlist: Netlist, period: float, commands: Sequence[str], timeout: float) -> str:
    """Output of OpenSTA's commands on a netlist with its clock and ideal inputs and outputs."""
    if netlist.library is None:
        raise ToolError(f"{netlist.block.name} is made of generic gates; give a library with --liberty")
    ports = "" if netlist.block.clock is None else " [get_ports clk*]"
    script = [
        "set_cmd_units -time ps -capacitance fF -power W",
        f"read_liberty {{{netlist.library.path.resolve()}}}",
        "read_verilog netlist.v",
        f"link_design {netlist.block.top}",
        f"create_clock -name clk -period {period / 1e-12:.3f}{ports}",
        f"set_input_transition {netlist.library.slew / 1e-12:.3f} [all_inputs]",
        "set_input_delay 0 -clock clk [all_inputs]",
        "set_output_delay 0 -clock clk [all_outputs]",
        "set_false_path -hold -from [all_inputs]",
        "set_false_path -hold -to [all_outputs]",
    ]
    with run_folder() as folder:
        (folder / "netlist.v").write_text(netlist.text)
        (folder / "timing.tcl").write_text("\n".join([*script, *commands, "exit", ""]))
        log = run("sta", "-no_init", "-no_splash", "timing.tcl", folder=folder, timeout=timeout)
    if "Error" in log:
        raise ToolError(f"sta failed: {log[log.index('Error') :].splitlines()[0][:200]}")
    return log


def _activities(netlist: Netlist, toggles: Mapping[str, float], high: Mapping[str, float]) -> list[str]:
    return [
        f"sta::set_power_input_port_activity [get_ports {port}[{i}]] "
        f"{toggles.get(net, 0.0):.9f} {high.get(net, 0.0):.9f}"
        for port in netlist.block.inputs
        if not port.startswith("clk")
        for i, net in enumerate(netlist.ports[port])
    ]
