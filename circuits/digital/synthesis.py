"""Synthesis of a block by Yosys, onto the cells of a Liberty library or onto generic gates."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import ToolError
from .blocks import Block
from .liberty import Library
from .tools import run, run_folder

CLOCK_GATE = "clkgate_x1"
"""Cell that replaces the module `clock_gate` where the library has it."""
ENABLED = "dffe_x1"
"""Flip-flop with enable, with pins d, clk, en and q."""
LATCH = "latch_x1"
"""Latch, with pins d, g and q."""
DRIVER = "inv_x4"
"""Cell that is taken to drive the inputs while gates are sized."""
HERE = Path("/proc/self/cwd")
"""Name of a process' working directory, on Linux."""


@dataclass(frozen=True)
class Instance:
    """A cell of a netlist."""

    name: str
    """Name of the instance."""
    kind: str
    """Name of the library's cell, or Yosys' name of a generic gate."""
    nets: Mapping[str, str]
    """Net of each pin, `n<number>`, or `1'b0` and `1'b1`."""


@dataclass(frozen=True)
class Netlist:
    """A block as cells and nets."""

    block: Block
    """The block."""
    instances: tuple[Instance, ...]
    """Its cells."""
    ports: Mapping[str, tuple[str, ...]]
    """Nets of each port, lowest bit first."""
    library: Library | None
    """Library of the cells; None for generic gates."""

    @property
    def kinds(self) -> Counter[str]:
        """Number of cells of each kind."""
        return Counter(instance.kind for instance in self.instances)

    @property
    def area(self) -> float:
        """Sum of the cells' areas, in the library's unit; NaN for generic gates."""
        if self.library is None:
            return float("nan")
        return sum(self.library.kind(name).area * count for name, count in self.kinds.items())

    @property
    def text(self) -> str:
        """Structural Verilog of `Block.top`, one wire per bit."""
        block = self.block
        widths = [(name, width, "input") for name, width in block.inputs.items()]
        widths += [(name, width, "output") for name, width in block.outputs.items()]
        ports = ", ".join(f"{kind} [{width - 1}:0] {name}" for name, width, kind in widths)
        nets = {net for instance in self.instances for net in instance.nets.values()}
        nets |= {net for port in self.ports.values() for net in port}
        lines = [f"module {block.top} ({ports});"]
        lines += [f"  wire {net};" for net in sorted(nets) if net.startswith("n")]
        for name, _, kind in widths:
            for i, net in enumerate(self.ports[name]):
                if kind == "input":
                    lines.append(f"  assign {net} = {name}[{i}];")
                else:
                    lines.append(f"  assign {name}[{i}] = {net};")
        for instance in self.instances:
            pins = ", ".join(f".{pin}({net})" for pin, net in instance.nets.items())
            lines.append(f"  {instance.kind} {instance.name} ({pins});")
        return "\n".join([*lines, "endmodule", ""])


def synthesise(
    block: Block, library: Library | None = None, *, period: float | None = None, timeout: float = 600.0
) -> Netlist:
    """Map a block onto cells.

    Args:
        block: the block.
        library: cells; None: Yosys' generic gates, which have no area, delay or energy.
        period: clock period that gates are sized for, s; None: that of the block.
        timeout: wall-clock limit, s.

    Raises:
        ToolError: Yosys is missing or fails, or leaves a part that is no cell.
    """
    with run_folder() as folder:
        (folder / "top.v").write_text(block.text)
        (folder / "synthesis.ys").write_text(_script(block, library, period or block.clock, folder))
        run("yosys", "-q", "-s", "synthesis.ys", folder=folder, timeout=timeout)
        design = json.loads((folder / "netlist.json").read_text())
    module = design["modules"][block.top]
    instances = tuple(
        Instance(
            f"u{number}", cell["type"], {pin: _net(bits[0]) for pin, bits in cell["connections"].items()}
        )
        for number, cell in enumerate(module["cells"].values())
    )
    if library is not None and (unmapped := {one.kind for one in instances} - library.cells.keys()):
        raise ToolError(
            f"{block.name} needs {', '.join(sorted(unmapped))}, which library {library.name} does not have; "
            "give a library with flip-flops, latches and gates"
        )
    ports = {name: tuple(_net(bit) for bit in port["bits"]) for name, port in module["ports"].items()}
    return Netlist(block, instances, ports, library)


def _net(bit: int | str) -> str:
    if isinstance(bit, int):
        return f"n{bit}"
    return "1'b1" if bit == "1" else "1'b0"


def _script(block: Block, library: Library | None, period: float | None, folder: Path) -> str:
    sources = [_quoted(path) for path in block.files]
    ends = ["opt_clean -purge", "setundef -zero", "check", "write_json netlist.json"]
    if library is None:
        lines = [f"read_verilog {' '.join(sources)} top.v", f"synth -flatten -top {block.top}"]
        return "\n".join([*lines, "abc -g AND,XOR,MUX,NAND,NOR", *ends, ""])
    if CLOCK_GATE in library.cells:
        (folder / "gate.v").write_text(_clock_gate(library))
        sources = [path for path in sources if not path.endswith("clock_gate.v")] + ["gate.v"]
    liberty = _quoted(library.path.resolve())
    (folder / "limits").write_text(f"set_driving_cell {DRIVER}\nset_load 5\n")
    limit = "" if period is None else f" -D {period / 1e-12:.0f}"
    lines = [
        f"read_liberty -lib -ignore_miss_func {liberty}",
        f"read_verilog {' '.join(sources)} top.v",
        f"synth -flatten -top {block.top} -run begin:fine",
        "opt -full",
        "techmap",
        "opt -full",
    ]
    known = {ENABLED: _enabled(), LATCH: _latch()}
    (folder / "registers.v").write_text(
        "".join(text for name, text in known.items() if name in library.cells)
    )
    # The inverted enables of the registers' map are cells that are no gates yet.
    lines += ["techmap -map registers.v", "simplemap"]
    # Yosys would put the folder's own name into ABC's script, which knows no way to write a quotation mark.
    limits = HERE / "limits" if HERE.is_dir() else "limits"
    lines += [f"dfflibmap -liberty {liberty}", "opt", f"abc -liberty {liberty} -constr {limits}{limit}"]
    return "\n".join([*lines, *ends, ""])


def _clock_gate(library: Library) -> str:
    """The module `clock_gate` as an instance of the library's cell."""
    cell = library.kind(CLOCK_GATE)
    clock = next(pin.name for pin in cell.pins.values() if pin.clock)
    enable = next(pin.name for pin in cell.pins.values() if not pin.output and not pin.clock)
    out = next(pin.name for pin in cell.pins.values() if pin.output)
    return (
        "module clock_gate (input clk, input en, output gclk);\n"
        f"  {cell.name} cell (.{clock}(clk), .{enable}(en), .{out}(gclk));\nendmodule\n"
    )


def _enabled() -> str:
    """Techmap of Yosys' flip-flop with enable, which `dfflibmap` does not know."""
    return (
        "module \\$_DFFE_PP_ (input D, input C, input E, output Q);\n"
        f"  {ENABLED} _TECHMAP_REPLACE_ (.d(D), .clk(C), .en(E), .q(Q));\nendmodule\n"
        "module \\$_DFFE_PN_ (input D, input C, input E, output Q);\n"
        f"  {ENABLED} _TECHMAP_REPLACE_ (.d(D), .clk(C), .en(~E), .q(Q));\nendmodule\n"
    )


def _latch() -> str:
    """Techmap of Yosys' latches, which `dfflibmap` does not know either."""
    return "".join(
        f"module \\$_DLATCH_{sign}_ (input D, input E, output Q);\n"
        f"  {LATCH} _TECHMAP_REPLACE_ (.d(D), .g({enable}), .q(Q));\nendmodule\n"
        for sign, enable in (("P", "E"), ("N", "~E"))
    )


def _quoted(path: Path) -> str:
    return f'"{path}"' if " " in str(path) else str(path)
