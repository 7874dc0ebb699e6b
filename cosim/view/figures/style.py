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

_LOW, _MIDDLE, _HIGH = (31, 78, 140), (72, 158, 150), (214, 140, 42)


def ordered(count: int) -> tuple[str, ...]:
    """Colours for ordered values such as voltage levels, from blue over green to amber, even in lightness."""
    if count == 1:
        return (CYCLE[0],)
    return tuple(_blend(i / (count - 1)) for i in range(count))


def _blend(position: float) -> str:
    start, stop, at = (_LOW, _MIDDLE, 2 * position) if position < 0.5 else (_MIDDLE, _HIGH, 2 * position - 1)
    return "#" + "".join(f"{round(a + (b - a) * at):02x}" for a, b in zip(start, stop, strict=True))
