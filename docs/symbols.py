"""Symbols of the netlists' parts on a `Sheet`, each two grid units long.

Every function draws the symbol, writes the last part of the instance's dotted name, and places its pins under
the names of the SPICE sub-circuit's ports.
"""

from __future__ import annotations

from sheet import BUBBLE, GREY, SMALL, Point, Sheet


def mos(
    sheet: Sheet,
    name: str,
    at: Point,
    role: str,
    gate: str = "left",
    note: str = "",
) -> None:
    """Draw the transistor `dev_<role>`.

    Its bulk is not drawn: n-channel vss, p-channel vdd, oxide none.

    Args:
        sheet: drawing.
        name: dotted name of the instance.
        at: middle of the channel.
        role: device role, such as nmos_write.
        gate: side of the gate. left, right: vertical channel, with the n-channel drain or p-channel source on
            top; top, bottom: horizontal channel, with the drain on the left.
        note: second line of the label.
    """
    x, y = at
    upright = gate in ("left", "right")
    out = 1 if gate in ("right", "top") else -1
    p_channel = role.startswith("pmos")

    def put(along: float, across: float) -> Point:
        return (x + out * across, y + along) if upright else (x + along, y + out * across)

    sheet.line(put(1, 0), put(0.45, 0), put(0.45, 0.3), put(-0.45, 0.3), put(-0.45, 0), put(-1, 0))
    sheet.line(put(0.45, 0.45), put(-0.45, 0.45))
    if role == "oxide":
        sheet.line(put(0.45, 0.22), put(-0.45, 0.22), width=3.0)
    if p_channel:
        sheet.circle(put(0, 0.45 + BUBBLE), BUBBLE, fill="white")
    sheet.line(put(0, 0.45 + 2 * BUBBLE if p_channel else 0.45), put(0, 1))
    if upright:
        high, low = ("s", "d") if p_channel else ("d", "s")
        pins = {high: put(1, 0), low: put(-1, 0), "g": put(0, 1)}
        side, start = ("right", x - 0.15) if out > 0 else ("left", x + 0.15)
        _label(sheet, (start, y), name, note, side)
    else:
        pins = {"d": put(-1, 0), "s": put(1, 0), "g": put(0, 1)}
        _label(sheet, (x, y - out * 0.45), name, note, "center")
    sheet.place(name, f"dev_{role}", pins)


def _label(sheet: Sheet, at: Point, name: str, note: str, align: str) -> None:
    x, y = at
    shown = name.rpartition(".")[2]
    up = 0.2 if note else 0.0
    sheet.text((x, y + up), shown, align, SMALL)
    if note:
        sheet.text((x, y - 0.22), note, align, SMALL - 1.5, GREY)


def capacitor(sheet: Sheet, name: str, at: Point, note: str = "", lying: bool = False) -> None:
    """Draw an ideal capacitor around a point, its first pin on top or left."""
    x, y = at
    for side in (-1, 1):
        if lying:
            sheet.line((x + side, y), (x + side * 0.12, y))
            sheet.line((x + side * 0.12, y - 0.42), (x + side * 0.12, y + 0.42))
        else:
            sheet.line((x, y + side), (x, y + side * 0.12))
            sheet.line((x - 0.42, y + side * 0.12), (x + 0.42, y + side * 0.12))
    _label(sheet, (x, y + 0.85) if lying else (x + 0.55, y), name, note, "center" if lying else "left")
    ends = ((x - 1, y), (x + 1, y)) if lying else ((x, y + 1), (x, y - 1))
    sheet.place(name, "c", dict(zip(("1", "2"), ends, strict=True)))


def inverter(sheet: Sheet, name: str, at: Point, note: str = "") -> None:
    """Draw an inverter from its input at a point to its output two units to the right."""
    x, y = at
    sheet.line((x, y), (x + 0.4, y))
    sheet.line((x + 0.4, y - 0.5), (x + 0.4, y + 0.5), (x + 1.3, y), (x + 0.4, y - 0.5))
    sheet.circle((x + 1.3 + BUBBLE, y), BUBBLE, fill="white")
    sheet.line((x + 1.3 + 2 * BUBBLE, y), (x + 2, y))
    _label(sheet, (x + 0.9, y + 0.85 if note else y + 0.75), name, note, "center")
    sheet.place(name, "inv", {"a": (x, y), "y": (x + 2, y)})


def nand(sheet: Sheet, name: str, at: Point, upper: str = "a", facing: str = "right", note: str = "") -> None:
    """Draw a NAND gate: inputs half a unit above and below a point, output two units on; `upper`: a or b."""
    x, y = at
    way = 1 if facing == "right" else -1
    body = [(0.35, 0.7), (0.9, 0.7), (1.15, 0.62), (1.35, 0.42), (1.48, 0.2), (1.5, 0.0)]
    outline = body + [(u, -v) for u, v in reversed(body)] + [body[0]]
    sheet.line(*((x + way * u, y + v) for u, v in outline))
    for side in (-0.5, 0.5):
        sheet.line((x, y + side), (x + way * 0.35, y + side))
    sheet.circle((x + way * (1.5 + BUBBLE), y), BUBBLE, fill="white")
    sheet.line((x + way * (1.5 + 2 * BUBBLE), y), (x + way * 2, y))
    _label(sheet, (x + way * 0.9, y), name, note, "center")
    lower = "b" if upper == "a" else "a"
    sheet.place(name, "nand2", {upper: (x, y + 0.5), lower: (x, y - 0.5), "y": (x + way * 2, y)})


def tgate(
    sheet: Sheet, name: str, at: Point, first: str = "left", on: str = "bottom", note: str = ""
) -> None:
    """Draw a transmission gate around a point; `first`: side of port a; `on`: side of the enabling port."""
    x, y = at
    lying = first in ("left", "right")

    def put(along: float, across: float) -> Point:
        return (x + along, y + across) if lying else (x + across, y + along)

    for side in (-1, 1):
        sheet.line(put(side, 0), put(side * 0.6, 0))
        sheet.line(put(side * 0.6, 0.42), put(side * 0.6, -0.42), put(0, 0), put(side * 0.6, 0.42))
    bubble = 1 if on in ("bottom", "left") else -1
    sheet.circle(put(0, bubble * BUBBLE), BUBBLE, fill="white")
    sheet.line(put(0, bubble * 2 * BUBBLE), put(0, bubble))
    sheet.line(put(0, 0), put(0, -bubble))
    ahead = 1 if first in ("right", "top") else -1
    sheet.place(
        name,
        "tgate",
        {"a": put(ahead, 0), "b": put(-ahead, 0), "on": put(0, -bubble), "onb": put(0, bubble)},
    )
    if lying:
        _label(sheet, (x + 0.75, y + 0.62), name, note, "left")
    else:
        _label(sheet, (x + 0.55, y - 0.7), name, note, "left")


def block(
    sheet: Sheet, name: str, model: str, low: Point, high: Point, pins: dict[str, Point], note: str = ""
) -> None:
    """Draw a sub-circuit as a box; a lead is drawn to every pin that lies outside it."""
    (x0, y0), (x1, y1) = low, high
    sheet.line(low, (x1, y0), high, (x0, y1), low)
    middle = ((x0 + x1) / 2, (y0 + y1) / 2)
    _label(sheet, middle, name, note or model, "center")
    for x, y in pins.values():
        sheet.line((x, y), (min(max(x, x0), x1), min(max(y, y0), y1)))
    sheet.place(name, model, pins)


def resistor(sheet: Sheet, name: str, at: Point, note: str = "") -> None:
    """Draw an ideal resistor from its first pin at a point to its second one two units to the left."""
    x, y = at
    sheet.line((x, y), (x - 0.4, y))
    sheet.line(
        (x - 0.4, y + 0.2), (x - 1.6, y + 0.2), (x - 1.6, y - 0.2), (x - 0.4, y - 0.2), (x - 0.4, y + 0.2)
    )
    sheet.line((x - 1.6, y), (x - 2, y))
    _label(sheet, (x - 1, y + 0.75), name, note, "center")
    sheet.place(name, "r", {"1": (x, y), "2": (x - 2, y)})
