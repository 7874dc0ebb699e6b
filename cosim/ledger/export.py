"""A ledger as a component model of hwcomponents, for accelerator modellers such as AccelForge and CiMLoop."""

from __future__ import annotations

from pathlib import Path
from pprint import pformat
from typing import Any

from ...circuits.errors import HostError
from ...circuits.files import write_atomically
from ...models import Hardware, Leakage, StandingPower, SupplyLoss
from .ledger import Ledger

TEMPLATE = Path(__file__).with_name("component_model.py")
"""The component, without figures."""
_PLACE = "LEDGER: dict = {}\n"


def export_component(ledger: Ledger, hardware: Hardware, path: Path) -> None:
    """Write a ledger as a file of Python that hwcomponents loads.

    Args:
        ledger: the ledger.
        hardware: hardware of the ledger.
        path: file to write; its name ends with .py.

    Raises:
        HostError: the name does not end with .py, or the ledger lacks what a component states.
    """
    if path.suffix != ".py":
        raise HostError(f"{path} must end with .py: hwcomponents loads component models from Python files")
    figures = pformat(figures_of(ledger, hardware), width=100, sort_dicts=False)
    text = TEMPLATE.read_text().replace(_PLACE, f"LEDGER: dict = {figures}\n")
    write_atomically(path, text.encode())


def figures_of(ledger: Ledger, hardware: Hardware) -> dict[str, Any]:
    """What the component computes with.

    Lines of leakage and standing power become powers, with the regulator's loss on them; a modeller
    multiplies them by the time that passes. All other lines are energies of one token.

    Args:
        ledger: the ledger.
        hardware: hardware of the ledger.

    Returns:
        Numbers of one query head: `lines` with `joules` and `watts` per token, key or sub-tile (mean over
        layers and heads), `area` (m^2) once and per sub-tile, `latency_s`, `columns` and `head_dim`.

    Raises:
        HostError: layers of several head dimensions, or no latency or area.
    """
    if ledger.head_dim is None:
        raise HostError("layers of several head dimensions make no single component; export a model with one")
    if ledger.latency_s is None or ledger.area is None:
        missing = "latency" if ledger.latency_s is None else "area"
        raise HostError(
            f"no {missing} of a head on {ledger.hardware!r} is stated, which a component needs; heads on row "
            "tiles have none either"
        )
    laws = {stage.name: stage.law for stage in hardware.energy.stages}
    lasting = {name for name, law in laws.items() if isinstance(law, StandingPower | Leakage)}
    period = ledger.layer_s * len(ledger.layers)
    lines = []
    for stage, per, band, joules in _by_growth(ledger):
        law = laws.get(stage)
        standing = joules if stage in lasting else 0.0
        if isinstance(law, SupplyLoss):
            fed = [one for one in _by_growth(ledger) if one[0] in lasting and one[0] in law.stages]
            standing = law.share * sum(one[3] for one in fed if one[1] == per)
        lines.append(
            {
                "stage": stage,
                "per": per,
                "joules": joules - standing if standing < joules else 0.0,
                "watts": standing / period,
                "origin": next(entry.origin for entry in ledger.entries if entry.stage == stage),
                "band": list(band),
            }
        )
    area = ledger.area
    per_tile = sum(part.square_metres for part in area.parts if part.per == "sub-tile")
    return {
        "hardware": ledger.hardware,
        "columns": ledger.columns,
        "head_dim": ledger.head_dim,
        "latency_s": ledger.layer_s,
        "area": {"head": area.of(0), "sub-tile": per_tile},
        "lines": lines,
    }


def _by_growth(ledger: Ledger) -> list[tuple[str, str, tuple[float, float], float]]:
    """Stage, growth, band and energy (J) of one token, key or sub-tile of one head, mean over all heads."""
    uses = {use.layer: use for use in ledger.layers}
    heads = len({(entry.layer, entry.head) for entry in ledger.entries})
    found: dict[tuple[str, str, tuple[float, float]], float] = {}
    for entry in ledger.entries:
        use = uses[entry.layer]
        number = {"token": 1.0, "key": use.keys, "sub-tile": use.sub_tiles}[entry.per]
        key = entry.stage, entry.per, entry.band
        found[key] = found.get(key, 0.0) + entry.energy_J / number / heads
    return [(*key, joules) for key, joules in found.items()]
