"""Errors of the surrogates on unseen points, and the circuits against their design limits."""

from __future__ import annotations

from ..figures.page import table
from ..figures.units import quantity
from .section import Section, absent, paragraph
from .sources import ReportData


def fit_section(material: ReportData) -> Section:
    """The tables of fit.json: errors, design limits, and figures over corners where they were simulated."""
    title = "Fit and limits"
    if material.fit is None:
        return absent("fit", title, "No fit: run `gaincell fit`.")
    blocks = [
        paragraph(
            "Every error is on points that were kept from the fit, in a unit that its last column names."
        ),
        (_errors(material.fit["surrogates"]), _checks(material.fit["checks"])),
    ]
    if found := material.fit.get("agreements"):
        blocks.append(_agreements(found))
    if corners := material.fit.get("corners"):
        blocks.append(_corners(corners))
    return Section("fit", title, tuple(blocks))


def figure_of(value: float, unit: str) -> str:
    """A number of fit.json: fractions as percent, others with a prefix."""
    if unit.startswith("of "):
        return "< 0.001 %" if 0 < value < 1e-5 else quantity(value, "%")
    return f"{value:.4f}" if unit == "ratio" else quantity(value, unit)


def _errors(surrogates: dict) -> str:
    rows = [
        [
            name,
            figure_of(error["rms"], error["unit"]),
            figure_of(error["worst"], error["unit"]),
            str(error["held_out_points"]),
            _unbroken(error["unit"]) if error["unit"].startswith("of ") else "absolute",
        ]
        for name, error in surrogates.items()
    ]
    return table(["surrogate", "rms", "worst", "unseen points", ""], rows, numbers=(1, 2, 3))


def _agreements(agreements: dict) -> str:
    """Whole arrays and chains; a circuit with too few columns that prove anything has no figures."""
    rows = []
    for name, found in agreements.items():
        slope, *widths = (found[key] for key in ("slope", "offset", "rms", "worst"))
        numbers = ["–" if width is None else figure_of(width, "of T_max") for width in widths]
        counted = f"{found['counted']} of {found['columns']}"
        rows.append([name, counted, "–" if slope is None else f"{slope:.4f}", *numbers])
    head = ["circuit", "columns", "slope", "offset", "rms", "worst"]
    caption = "Arrays and chains in transistors, which no fit has seen: widths in % of T_max"
    return table(head, rows, numbers=range(1, 6), caption=caption)


def _checks(checks: list[dict]) -> str:
    rows = []
    for check in checks:
        met = check["value"] <= check["limit"]
        mark = '<span class="met">met</span>' if met else '<span class="missed">missed</span>'
        unit = _unbroken(check["unit"]) if check["unit"].startswith("of ") else ""
        numbers = (figure_of(check[key], check["unit"]) for key in ("value", "limit"))
        rows.append([check["name"], *numbers, unit, mark])
    return table(["figure", "simulated", "limit", "", ""], rows, numbers=(1, 2), caption="Design limits")


def _corners(figures: list[dict]) -> str:
    rows = []
    for figure in figures:
        unit, limit = figure["unit"], figure["limit"]
        numbers = [figure_of(figure[key], unit) for key in ("nominal", "worst")]
        mark = ""
        if limit is not None:
            met = abs(figure["worst"]) <= limit
            mark = '<span class="met">met</span>' if met else '<span class="missed">missed</span>'
        where = f"{figure['corner']}, {figure['temperature']:g} °C, {figure['vdd']:g} V".replace("-", "−")
        shown = "" if limit is None else figure_of(limit, unit)
        plain = _unbroken(unit) if unit.startswith("of ") else ""
        rows.append([figure["name"], *numbers, shown, plain, where, mark])
    head = ["figure", "nominal", "worst", "limit", "", "where it is worst", ""]
    return table(head, rows, numbers=(1, 2, 3), caption="Over corners, temperature and supply")


def _unbroken(text: str) -> str:
    return text.replace(" ", "\u00a0")
