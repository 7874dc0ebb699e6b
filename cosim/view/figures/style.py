"""Colours and type, shared by matplotlib and plotly."""

from __future__ import annotations

INK = "#1f2933"
MUTED = "#6b7785"
GRID = "#e6e9ed"
BAND = "#f3f5f7"

PALETTE = {
    "simulated": "#1f2933",
    "blue": "#1f6f9f",
    "orange": "#d9662b",
    "green": "#3b8f63",
    "purple": "#7a5ba6",
    "red": "#b83a4b",
    "gold": "#b88a1a",
    "grey": "#8894a1",
    "published": "#8894a1",
    "estimate": "#d5b26a",
}
"""Colours by meaning or by name: what SPICE says is drawn in ink, what is fitted in colour."""

CYCLE = ("#1f6f9f", "#d9662b", "#3b8f63", "#7a5ba6", "#b88a1a", "#b83a4b", "#4aa3b5", "#8894a1")
"""Unordered categories."""

SEQUENTIAL = (
    "#440154",
    "#472d7b",
    "#3b528b",
    "#2c728e",
    "#21918c",
    "#28ae80",
    "#5ec962",
    "#addc30",
    "#fde725",
)
"""Colours of values that grow, from dark to light: viridis."""

DIVERGING = (
    *("#7f3b08", "#b35806", "#e08214", "#fdb863", "#fee0b6", "#f7f7f7"),
    *("#d8daeb", "#b2abd2", "#8073ac", "#542788", "#2d004b"),
)
"""Colours of values below and above a middle, orange and purple: ColorBrewer PuOr."""

_LOW, _MIDDLE, _HIGH = (31, 78, 140), (72, 158, 150), (214, 140, 42)


def ordered(count: int) -> tuple[str, ...]:
    """Colours for ordered values such as voltage levels, from blue over green to amber, even in lightness.

    Args:
        count: number of values, at least 1.

    Returns:
        One colour for each, #rrggbb.
    """
    if count == 1:
        return (CYCLE[0],)
    return tuple(_blend(i / (count - 1)) for i in range(count))


def _blend(position: float) -> str:
    start, stop, at = (_LOW, _MIDDLE, 2 * position) if position < 0.5 else (_MIDDLE, _HIGH, 2 * position - 1)
    return "#" + "".join(f"{round(a + (b - a) * at):02x}" for a, b in zip(start, stop, strict=True))


def text_colour(stops: tuple[str, ...], position: float) -> str:
    """Colour of a text that is readable on a heat map's square.

    Args:
        stops: colours of the map at equal distances.
        position: where between the first and the last, 0 to 1; NaN for an empty square.

    Returns:
        White on a dark square, ink on others.
    """
    if position != position:
        return INK
    nearest = stops[round(min(max(position, 0.0), 1.0) * (len(stops) - 1))]
    red, green, blue = (int(nearest[i : i + 2], 16) for i in (1, 3, 5))
    return "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 135 else INK
