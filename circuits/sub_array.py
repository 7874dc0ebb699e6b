"""Writer of the sub-array as plain SPICE text: a sub-circuit of cells, wires and row drivers.

SPICE has no loops, so the text fixes the numbers of rows and columns. The wire's resistance and capacitance
per cell, the sizes of the cells and the strength of the drivers stay parameters. `netlists/` has 16 x 16;
`python -m gaincell.circuits.sub_array ROWS COLUMNS` prints any other size.
"""

from __future__ import annotations

import argparse

from .designs import Designs
from .technology import Technology


def sub_array_text(rows: int, columns: int, designs: Designs | None = None) -> str:
    """Text of the sub-circuit `sub_array_<rows>x<columns>`, which needs gain_cell.sp and logic.sp.

    Ports: in<r> (pulse into the row driver of each row), bl<c> (bit line of each column, converter side), the
    write port wbl<c>, wwl<r>, wwlb<r>, and vdd, vss. The storage nodes are sn<r>_<c>. Every cell has its own
    section of wire on the word line, on its complement and on the bit line.

    Args:
        rows: number of cells on a bit line.
        columns: number of cells on a word line.
        designs: default sizes of the cells, wires and drivers; None for those of generic28.

    Returns:
        SPICE text.

    Raises:
        ValueError: fewer than one row or column.
    """
    if rows < 1 or columns < 1:
        raise ValueError(f"rows={rows} and columns={columns} must be at least 1")
    designs = designs or Designs.of(Technology.load("generic28"))
    array, cell = designs.array, designs.cell
    name = f"sub_array_{rows}x{columns}"
    sizes = " ".join(f"{size}={{{size}}}" for size in cell.parameters)
    ports = [
        *(f"in{r}" for r in range(rows)),
        *(f"bl{c}" for c in range(columns)),
        *(f"wbl{c}" for c in range(columns)),
        *(f"wwl{r}" for r in range(rows)),
        *(f"wwlb{r}" for r in range(rows)),
        "vdd",
        "vss",
    ]
    lines = [
        f"* {rows} x {columns} gain cells, row drivers and wires, written by gaincell.circuits.sub_array;",
        "* needs gain_cell.sp, logic.sp, a technology header. r_wire (ohm), c_wire (F): of one cell pitch.",
        *_folded(f".subckt {name} " + " ".join(ports)),
        f"+ r_wire={array.r_wire!r} c_wire={array.c_wire!r} driver={array.driver!r}",
        *_folded("+ " + " ".join(f"{name}={value!r}" for name, value in cell.parameters.items())),
    ]
    for r in range(rows):
        lines.append(f"xdrv{r} in{r} rwl{r}_0 rwlb{r}_0 vdd vss row_driver x={{driver}}")
        for c in range(columns):
            lines += _wire(f"wl{r}_{c}", f"rwl{r}_{c}", f"rwl{r}_{c + 1}")
            lines += _wire(f"wb{r}_{c}", f"rwlb{r}_{c}", f"rwlb{r}_{c + 1}")
    for c in range(columns):
        for r in range(rows):
            near = f"bl{c}" if r == 0 else f"b{r}_{c}"
            lines += _wire(f"bl{r}_{c}", near, f"b{r + 1}_{c}")
            nodes = f"wbl{c} wwl{r} wwlb{r} rwl{r}_{c + 1} rwlb{r}_{c + 1} b{r + 1}_{c} sn{r}_{c} vdd vss"
            lines += _folded(f"x{r}_{c} {nodes} {cell.subcircuit} {sizes}")
    return "\n".join([*lines, f".ends {name}", ""])


def _wire(name: str, near: str, far: str) -> list[str]:
    """Lines of one cell pitch of wire: its resistance, and its capacitance at the far end."""
    return [f"r{name} {near} {far} {{r_wire}}", f"c{name} {far} vss {{c_wire}}"]


def _folded(line: str, width: int = 118) -> list[str]:
    """Split a long SPICE line into continuation lines."""
    words, lines, current = line.split(), [], ""
    for word in words:
        if current and len(current) + len(word) + 1 > width:
            lines.append(current)
            current = f"+ {word}"
        else:
            current = f"{current} {word}".strip()
    return [*lines, current]


def main() -> None:
    """Print the sub-array of a given size as a SPICE sub-circuit."""
    parser = argparse.ArgumentParser(prog="python -m gaincell.circuits.sub_array", description=main.__doc__)
    parser.add_argument("rows", type=int)
    parser.add_argument("columns", type=int)
    size = parser.parse_args()
    print(sub_array_text(size.rows, size.columns), end="")


if __name__ == "__main__":
    main()
