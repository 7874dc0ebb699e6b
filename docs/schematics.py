"""Draw the figures of the documentation into docs/figures:

python docs/schematics.py            SVG files that the pages show
python docs/schematics.py --png DIR  PNG files for a preview

Instance names, nets and pins are those of circuits/netlists/*.sp. tests/docs/test_schematics.py compares
every schematic with its sub-circuit.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from diagrams import chain, timing
from sheet import GREY, SMALL, Sheet
from symbols import block, capacitor, inverter, mos, nand, resistor, tgate

FIGURES = Path(__file__).parent / "figures"


def gain_cell() -> Sheet:
    """Six-transistor cell with complementary write."""
    sheet = _read_stage()
    mos(sheet, "xwp", (1.5, 5.25), "pmos_write", "top", "w_wp / l_w")
    mos(sheet, "xwn", (1.5, 2.75), "nmos_write", "bottom", "w_wn / l_w")
    sheet.wire((-0.5, 4), (0.5, 4))
    sheet.wire((0.5, 5.25), (0.5, 2.75))
    sheet.wire((2.5, 5.25), (2.5, 2.75))
    sheet.wire((2.5, 4), (6, 4))
    sheet.net("wwlb", (1.5, 6.25), "top")
    sheet.net("wwl", (1.5, 1.75), "bottom")
    return sheet


def gain_cell_oxide() -> Sheet:
    """The cell with one oxide-semiconductor write transistor."""
    sheet = _read_stage()
    mos(sheet, "xw", (1.5, 4), "oxide", "top", "w_ox / l_ox")
    sheet.wire((-0.5, 4), (0.5, 4))
    sheet.wire((2.5, 4), (6, 4))
    sheet.net("wwl", (1.5, 5), "top")
    return sheet


def _read_stage() -> Sheet:
    """Storage capacitor and tri-state inverter, with the ports that both cells share."""
    sheet = Sheet()
    sheet.net("wbl", (-0.5, 4))
    capacitor(sheet, "cs", (3.5, 3), "c_store")
    sheet.vss((3.5, 2))
    sheet.text((4.5, 4.3), "sn", color=GREY)
    sheet.wire((7, 7), (6, 7), (6, 1), (7, 1))
    mos(sheet, "xread.xrp", (8, 7), "pmos_read", "left", "w_rp / l_rp")
    mos(sheet, "xread.xsp", (8, 5), "pmos_switch", "right", "w_sw / l_sw")
    mos(sheet, "xread.xsn", (8, 3), "nmos_switch", "right", "w_sw / l_sw")
    mos(sheet, "xread.xrn", (8, 1), "nmos_read", "left", "w_rn / l_rn")
    sheet.vdd((8, 8))
    sheet.vss((8, 0))
    sheet.net("rwlb", (9, 5), "right")
    sheet.net("rwl", (9, 3), "right")
    sheet.wire((8, 4), (10.5, 4))
    sheet.net("bl", (10.5, 4), "right")
    sheet.frame((5.5, -0.9), (10.1, 9), "xread: read_stage")
    # The storage node is a port only so that testbenches can set and save it.
    sheet.names.append(("sn", (6, 4)))
    return sheet


def charge_to_pulse() -> Sheet:
    """Unsigned converter: integrator, auto-zeroed comparator, ramp, output gate."""
    sheet = Sheet()
    sheet.net("int", (0, 0))
    sheet.wire((0, 0), (9, 0))
    capacitor(sheet, "cint", (0.8, -1), "c_int")
    sheet.vss((0.8, -2))
    tgate(sheet, "xrst", (4, -1), "top", "left", "w_rst")
    sheet.net("rst", (3, -1), "left")
    sheet.net("rstb", (5, -1), "right")
    sheet.net("v_ref", (4, -2), "bottom")
    _conversion(sheet, 0)
    return sheet


def query_to_pulse() -> Sheet:
    """Unsigned converter for a signed query: the capacitor's plates are swapped between two phases."""
    sheet = Sheet()
    sheet.net("int", (-3, 0))
    sheet.wire((-3, 0), (-2, 0))
    sheet.wire((-1, 2), (-2, 2), (-2, -2), (-1, -2))
    for y, (near, far), clock, other in (
        (2, ("xfa", "xra"), "fwd", "rev"),
        (-2, ("xrb", "xfb"), "rev", "fwd"),
    ):
        tgate(sheet, near, (0, y), note="w_swap")
        tgate(sheet, far, (5, y), note="w_swap")
        sheet.wire((1, y), (4, y))
        for x, name in ((0, clock), (5, other)):
            sheet.net(name, (x, y - 1), "bottom")
            sheet.net(f"{name}b", (x, y + 1), "top")
        sheet.wire((2.5, y), (2.5, y / 2))
        sheet.wire((6, y), (7.2, y), (7.2, 0))
    capacitor(sheet, "cint", (2.5, 0), "c_int")
    sheet.text((2.2, 2.3), "a", color=GREY)
    sheet.net("b", (2.5, -2), "bottom")
    sheet.wire((7.2, 0), (7.6, 0))
    sheet.net("v_ref", (7.6, 0), "right")
    sheet.net("b", (12.4, 0))
    sheet.wire((12.4, 0), (16, 0))
    _conversion(sheet, 7)
    return sheet


def _conversion(sheet: Sheet, left: float) -> None:
    """Draw ramp, comparator and output gate of the node that ends at (9, 0), shifted right by `left`."""

    def at(x: float, y: float) -> tuple[float, float]:
        return x + left, y

    _ramp_p(sheet, "xramp", 6.5 + left, 0)
    _comparator(sheet, "xcmp", 9 + left)
    sheet.wire(at(8, 5), at(9, 5))
    nand(sheet, "xen", at(11, 5), "a", "left")
    sheet.net("enb", at(8.5, 5), "top")
    sheet.wire(at(11, 5.5), at(12, 5.5))
    sheet.net("ramp", at(12, 5.5), "right")
    sheet.wire(at(11, 4.5), at(24, 4.5), at(24, 0))
    sheet.wire(at(23, 0), at(26, 0))
    sheet.text(at(24.5, 0.35), "cmp", color=GREY)
    nand(sheet, "xwin", at(26, -0.5), "b")
    sheet.wire(at(25.5, -1), at(26, -1))
    sheet.net("win", at(25.5, -1))
    inverter(sheet, "xout", at(28, -0.5))
    sheet.net("out", at(30, -0.5), "right")


def _ramp_p(sheet: Sheet, name: str, x: float, y: float) -> None:
    """p-channel ramp that charges (x, y), gates on its left, the switch's enable on its right."""
    mos(sheet, f"{name}.xcas", (x, y + 1), "pmos", "left")
    mos(sheet, f"{name}.xsrc", (x, y + 3), "pmos", "left")
    mos(sheet, f"{name}.xsw", (x, y + 5), "pmos", "right")
    sheet.vdd((x, y + 6))
    sheet.net("vbpc", (x - 1, y + 1))
    sheet.net("vbp", (x - 1, y + 3))
    sheet.wire((x + 1, y + 5), (x + 1.5, y + 5))
    mos(sheet, f"{name}.xneu", (x - 2.5, y + 5), "pmos", "left")
    sheet.wire((x - 2.5, y + 6), (x - 1.5, y + 6), (x - 1.5, y + 4), (x - 2.5, y + 4))
    sheet.net("enb", (x - 1.5, y + 6), "top")
    sheet.net("vbp", (x - 3.5, y + 5))
    sheet.frame((x - 4.5, y + 0.2), (x + 1.25, y + 7), f"{name}: ramp_p")


def _comparator(sheet: Sheet, name: str, x: float) -> None:
    """Auto-zeroed inverter chain from (x, 0) to (x + 14, 0)."""
    capacitor(sheet, f"{name}.caz", (x + 1, 0), "c_az", lying=True)
    sheet.wire((x + 2, 0), (x + 3, 0))
    sheet.wire((x + 3, 1), (x + 3, -1))
    mos(sheet, f"{name}.xp", (x + 4, 1), "pmos", "left")
    mos(sheet, f"{name}.xn", (x + 4, -1), "nmos", "left")
    sheet.vdd((x + 4, 2))
    mos(sheet, f"{name}.xon", (x + 4, -3), "nmos", "left")
    sheet.net("on", (x + 3, -3))
    sheet.vss((x + 4, -4))
    sheet.wire((x + 2, 0), (x + 2, -6), (x + 3, -6))
    tgate(sheet, f"{name}.xz", (x + 4, -6), "left", "top")
    sheet.net("rst", (x + 4, -5), "right")
    sheet.net("rstb", (x + 4, -7), "right")
    sheet.wire((x + 5, -6), (x + 6, -6), (x + 6, 0), (x + 4, 0))
    for i, gate in enumerate(("xi2", "xi3", "xi4", "xi5")):
        inverter(sheet, f"{name}.{gate}", (x + 6 + 2 * i, 0))
    sheet.text((x + 2.25, 0.35), "a", "left", SMALL, GREY)
    sheet.text((x + 5.5, 0.35), "b", "center", SMALL, GREY)
    sheet.frame((x - 0.4, -7.75), (x + 14.4, 3), f"{name}: comparator")


def signed_charge_to_pulse() -> Sheet:
    """Signed converter: a latch holds the comparator's decision and enables the ramp of that sign."""
    sheet = Sheet()
    _signed_front(sheet)
    _sign_latch(sheet)
    _agreement(sheet, 1, -8)
    _ramp_enables(sheet, 15, -8)
    return sheet


def _signed_front(sheet: Sheet) -> None:
    """Integration node with its reset, both ramps and the comparator."""
    sheet.net("int", (0, 0))
    sheet.wire((0, 0), (9.5, 0))
    capacitor(sheet, "cint", (0.8, -1), "c_int")
    sheet.vss((0.8, -2))
    tgate(sheet, "xrst", (4, -1), "top", "left", "w_rst")
    sheet.net("rst", (3, -1))
    sheet.net("rstb", (5, -1), "right")
    sheet.net("v_ref", (4, -2), "bottom")
    above = {"int": (7.5, 0), "enb": (6, 3), "vbp": (6, 2.3), "vbpc": (6, 1.6)}
    block(sheet, "xrp", "ramp_p", (6.5, 1.2), (8.5, 3.4), above)
    below = {"int": (7.5, 0), "en": (6, -4.6), "vbn": (6, -3.9), "vbnc": (6, -3.2)}
    block(sheet, "xrn", "ramp_n", (6.5, -5), (8.5, -2.8), below)
    for name, at in (("enb_p", above["enb"]), ("vbp", above["vbp"]), ("vbpc", above["vbpc"])):
        sheet.net(name, at)
    for name, at in (("en_n", below["en"]), ("vbn", below["vbn"]), ("vbnc", below["vbnc"])):
        sheet.net(name, at)
    pins = {"int": (9.5, 0), "y": (13, 0), "on": (11.25, 1.6), "rst": (10.6, -1.6), "rstb": (11.9, -1.6)}
    block(sheet, "xcmp", "comparator", (9.9, -1), (12.6, 1), pins, "comparator, c_az")
    for name, side in (("on", "top"), ("rst", "bottom"), ("rstb", "bottom")):
        sheet.net(name, pins[name], side)
    sheet.wire((13, 0), (16, 0))
    sheet.net("cmp", (14, 0), "top")
    sheet.wire((14, 0), (14, -3), (15, -3))
    inverter(sheet, "xcb", (15, -3))
    sheet.net("cmpb", (17, -3), "right")


def _sign_latch(sheet: Sheet) -> None:
    """Transparent while smp is high, then a ring of two inverters through xsk."""
    tgate(sheet, "xsi", (17, 0), "left", "bottom")
    sheet.net("smp", (17, -1), "bottom")
    sheet.net("smpb", (17, 1), "top")
    sheet.wire((18, 0), (19.5, 0))
    sheet.text((18.9, -0.32), "ds", color=GREY)
    inverter(sheet, "xs1", (19.5, 0))
    sheet.wire((21.5, 0), (22.5, 0))
    sheet.net("signb", (22, 0), "bottom")
    inverter(sheet, "xs2", (22.5, 0))
    sheet.wire((24.5, 0), (25, 0), (25, 3), (22.5, 3))
    tgate(sheet, "xsk", (21.5, 3), "right", "bottom")
    sheet.net("smpb", (21.5, 2), "right")
    sheet.net("smp", (21.5, 4), "right")
    sheet.wire((20.5, 3), (18.5, 3), (18.5, 0))
    sheet.wire((25, 2), (26, 2))
    sheet.net("sign", (26, 2), "right")


def _agreement(sheet: Sheet, x: float, y: float) -> None:
    """act: the comparator agrees with the latched sign; the pulse is act within the window."""
    for name, middle, inputs, output in (
        ("xpos", y, ("sign", "cmp"), "posb"),
        ("xneg", y - 3, ("signb", "cmpb"), "negb"),
    ):
        nand(sheet, name, (x + 0.5, middle))
        for net, level in zip(inputs, (middle + 0.5, middle - 0.5), strict=True):
            sheet.wire((x, level), (x + 0.5, level))
            sheet.net(net, (x, level))
        towards = y - 1 if name == "xpos" else y - 2
        sheet.wire((x + 2.5, middle), (x + 3.5, middle), (x + 3.5, towards), (x + 4, towards))
        sheet.net(output, (x + 3.5, middle), "top" if name == "xpos" else "bottom")
    nand(sheet, "xact", (x + 4, y - 1.5))
    sheet.wire((x + 6, y - 1.5), (x + 7, y - 1.5))
    sheet.text((x + 6.4, y - 1.2), "act", color=GREY)
    nand(sheet, "xwin", (x + 7, y - 2), "b")
    sheet.wire((x + 6.5, y - 2.5), (x + 7, y - 2.5))
    sheet.net("win", (x + 6.5, y - 2.5), "bottom")
    inverter(sheet, "xout", (x + 9, y - 2))
    sheet.net("out", (x + 11, y - 2), "right")


def _ramp_enables(sheet: Sheet, x: float, y: float) -> None:
    """Gates from the agreement of each sign to the switch of its ramp."""
    for gate, first, net, middle in (("xep", "xpi", "pos", y), ("xen", "xni", "neg", y - 3)):
        sheet.wire((x, middle - 0.5), (x + 0.5, middle - 0.5))
        sheet.net(f"{net}b", (x, middle - 0.5))
        inverter(sheet, first, (x + 0.5, middle - 0.5))
        sheet.wire((x + 2.5, middle - 0.5), (x + 4, middle - 0.5))
        sheet.text((x + 3, middle - 0.15), net, color=GREY)
        sheet.wire((x + 3.5, middle + 0.5), (x + 4, middle + 0.5))
        sheet.net("ramp", (x + 3.5, middle + 0.5))
        nand(sheet, gate, (x + 4, middle))
    sheet.net("enb_p", (x + 6, y), "right")
    sheet.wire((x + 6, y - 3), (x + 7.5, y - 3))
    sheet.text((x + 6.7, y - 2.65), "enb_n", color=GREY)
    inverter(sheet, "xei", (x + 7.5, y - 3))
    sheet.net("en_n", (x + 9.5, y - 3), "right")


def ramp_bias() -> Sheet:
    """Amplifiers hold the outputs of always-on replicas of both ramps at v_ref and drive the lines."""
    sheet = Sheet()
    for letter, enable, other, rail, x, way in (
        ("p", "enb", "n", sheet.vss, 9, 1),
        ("n", "en", "p", sheet.vdd, 23, -1),
    ):
        line = f"vb{letter}"
        pins = {
            "int": (x, way),
            enable: (x + 1.8, 3.7 * way),
            line: (x - 2, 3 * way),
            f"{line}c": (x + 1.8, 2.4 * way),
        }
        corners = sorted(((x - 1, 1.6 * way), (x + 1, 4.4 * way)), key=lambda corner: corner[1])
        low, high = (x - 1, corners[0][1]), (x + 1, corners[1][1])
        block(sheet, f"xr{letter}", f"ramp_{letter}", low, high, pins)
        rail(pins[enable])
        sheet.net(f"{line}c", pins[f"{line}c"], "right")
        sheet.wire((x, way), (x, 0))
        sheet.net(f"r{letter}", (x, 0), "bottom" if way > 0 else "top")
        inputs = {"up": (x - 2.75, 0.6 * way), "down": (x - 2.75, 1.5 * way), "out": (x - 6.5, way)}
        bottom, top = sorted((0.1 * way, 2 * way))
        block(sheet, f"xa{letter}", f"amplifier_{other}", (x - 6, bottom), (x - 3.2, top), inputs)
        sheet.wire((x, 0.6 * way), inputs["up"])
        sheet.net("v_ref", inputs["down"], "right")
        sheet.wire(inputs["out"], (x - 7, way), (x - 7, 3 * way), pins[line])
        capacitor(sheet, f"c{letter}", (x - 4.5, 4 * way), "c_line")
        (sheet.vdd if way > 0 else sheet.vss)((x - 4.5, 5 * way))
        resistor(sheet, f"rb{letter}", (x - 7, 3 * way), "r_bias")
        sheet.net(line, (x - 9, 3 * way))
    return sheet


def row_driver() -> Sheet:
    """Row driver: one input pulse, both polarities of the read word line as outputs."""
    sheet = Sheet()
    sheet.net("in", (0, 0))
    inverter(sheet, "xi1", (0, 0), "1")
    sheet.wire((2, 0), (3, 0))
    sheet.text((2.4, 0.32), "n1", size=SMALL, color=GREY)
    sheet.wire((4, 1.5), (3, 1.5), (3, -1.5), (4, -1.5))
    inverter(sheet, "xi4", (4, 1.5), "x/4")
    inverter(sheet, "xi5", (6, 1.5), "x/2")
    inverter(sheet, "xi6", (8, 1.5), "x")
    sheet.net("rwl", (10, 1.5), "right")
    inverter(sheet, "xi2", (4, -1.5), "x/2")
    inverter(sheet, "xi3", (6, -1.5), "x")
    sheet.net("rwlb", (8, -1.5), "right")
    return sheet


SCHEMATICS: dict[str, Callable[[], Sheet]] = {
    figure.__name__: figure
    for figure in (
        gain_cell,
        gain_cell_oxide,
        charge_to_pulse,
        signed_charge_to_pulse,
        query_to_pulse,
        ramp_bias,
        row_driver,
    )
}
"""Drawings by name of the sub-circuit."""
DIAGRAMS: dict[str, Callable[[], Sheet]] = {"chain": chain, "timing": timing}
"""Drawings that stand for no sub-circuit, by file name."""


def main() -> None:
    """Write every figure."""
    parser = argparse.ArgumentParser(description="Draw the figures of the documentation.")
    parser.add_argument("--png", type=Path, metavar="DIR", help="write PNG files to this folder instead")
    png = parser.parse_args().png
    folder, suffix = (FIGURES, ".svg") if png is None else (png, ".png")
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in (SCHEMATICS | DIAGRAMS).items():
        draw().save(folder / f"{name}{suffix}")


if __name__ == "__main__":
    main()
