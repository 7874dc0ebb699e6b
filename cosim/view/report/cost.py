"""Energy and time of one token, by stage and phase, each with its origin, beside the published ones."""

from __future__ import annotations

import math

from ....circuits.digital import Periphery
from ....circuits.digital.waves import sequencer_dump
from ....circuits.errors import GaincellError
from ....models import Hardware, Timing
from ....models.published import CITATION, PICOJOULES
from ...ledger.ledger import BASELINES, HEADS_OF_BASELINE
from ..figures import PALETTE, Bar, Figure, PlotAxis, bar_chart
from ..figures.page import table
from ..figures.sequencer import clocks
from ..figures.units import quantity
from .section import Section, absent, paragraph, percent
from .sources import ReportData

COLOURS = {"simulated": "blue", "published": "published", "estimate": "estimate"}


def cost_section(material: ReportData) -> Section:
    """Energy by stage, latency by phase, and baselines."""
    title = "Energy"
    account, hardware = material.account, material.hardware
    timing = None if hardware is None else hardware.timing
    if account is None and timing is None:
        return absent("cost", title, "No account: run `gaincell account demo --json > out/account.json`.")
    blocks: list = []
    if account is None:
        text = "No energy account: run `gaincell account demo --json > out/account.json`."
        blocks.append(paragraph(text, "absent"))
    else:
        blocks += _energy(account)
    if timing is not None:
        blocks.append((latency_chart(timing),))
        blocks += _clocks(material)
    if account is not None and account.get("retention"):
        blocks.append(paragraph(_retention(account)))
    if account is not None and account.get("ratios"):
        source = paragraph(f"Baselines and the published chip: {CITATION}.", "note")
        blocks += [(baseline_chart(account),), _ratios(account), source]
    return Section("cost", title, tuple(blocks))


def _clocks(material: ReportData) -> list:
    """Clocks of one operation from the sequencer's Verilog, or why they are not here."""
    if material.manifest is None:
        return []
    try:
        designs = material.context.condition.designs
        dump = sequencer_dump(Periphery(designs, depth=designs.array.rows))
    except GaincellError as error:
        return [paragraph(f"No clocks of the sequencer: {error}", "absent")]
    return [(clocks(dump),)]


def stage_chart(account: dict) -> Figure:
    """Energy of each stage, coloured by where the number comes from."""
    bars = tuple(
        Bar(stage["name"], stage["energy_J"], stage["origin"], PALETTE[COLOURS[stage["origin"]]])
        for stage in account["stages"]
    )
    return bar_chart("energy-stages", "Energy per token and head by stage", PlotAxis("energy", "J"), bars)


def latency_chart(timing: Timing) -> Figure:
    """Phases of one attention operation on a time line."""
    bars, start = [], 0.0
    for phase in timing.phases:
        shared = phase.hidden
        begin = max(start - phase.seconds, 0.0) if shared else start
        text = quantity(phase.seconds, "s") + (" (hidden)" if shared else "")
        colour = PALETTE[COLOURS[phase.origin]]
        bars.append(Bar(phase.name, phase.seconds, "", colour, begin, shared, text))
        start = start if shared else start + phase.seconds
    return bar_chart(
        "latency",
        f"Latency of one token in one layer: {quantity(timing.latency, 's')}",
        PlotAxis("time", "s"),
        tuple(bars),
        caption="Heads and sub-tiles work side by side. A hidden phase runs while another one does.",
    )


def baseline_chart(account: dict) -> Figure:
    """Energy of one token in one head at 1024 keys: GPUs and the published chip beside this hardware."""
    published = sum(picojoules for picojoules, _ in PICOJOULES.values()) * 1e-12
    grey = PALETTE["published"]
    bars = [Bar(f"{b.name} (published)", b.energy / HEADS_OF_BASELINE, "", grey) for b in BASELINES]
    bars.append(Bar("Leroux et al. 2025 (published)", published, "", grey))
    window = account["baseline_window"]
    bars.append(Bar(account["hardware"], window["energy_per_token_head_J"], "", PALETTE["blue"]))
    return bar_chart(
        "energy-baselines",
        f"Energy per token and head, {window['keys']:,.0f} keys",
        PlotAxis("energy", "J", log=True),
        tuple(bars),
        caption="Published numbers were measured or estimated by Leroux et al., not here; the GPUs computed "
        "12 heads at once, of which this is a twelfth." + _borrowed(account),
    )


def _borrowed(account: dict) -> str:
    """Which part of this hardware's energy was not simulated here."""
    others = [stage for stage in account["stages"] if stage["origin"] != "simulated"]
    energy = quantity(sum(stage["energy_J"] for stage in others), "J")
    names = ", ".join(stage["name"] for stage in others)
    return f" Of {account['hardware']}, {energy} are not simulated here: {names}." if others else ""


def _energy(account: dict) -> list:
    total = account["energy_per_token_head_J"]
    rows = [
        [
            stage["name"],
            quantity(stage["energy_J"], "J"),
            percent(stage["energy_J"] / total, 1),
            stage["origin"],
        ]
        for stage in account["stages"]
    ]
    rows.append(["all", quantity(total, "J"), "", ""])
    keys, dim = account.get("keys"), account.get("head_dim")
    head = "one head" if dim is None else f"one head of {dim}"
    text = f"{quantity(total, 'J')} for one token in {head} over {keys:,.0f} keys, from the "
    text += (
        f"activations at {account['tokens']:,} position{'' if account['tokens'] == 1 else 's'} of real text."
    )
    parts = ", ".join(_part(account, origin) for origin in COLOURS if _part(account, origin))
    return [
        paragraph(f"{text} Of it: {parts}."),
        (stage_chart(account), table(["stage", "energy", "share", "origin"], rows, numbers=(1, 2))),
    ]


def _part(account: dict, origin: str) -> str:
    """Energy of one origin, with its band where estimates state one; empty if there is none."""
    stages = [stage for stage in account["stages"] if stage["origin"] == origin]
    energy = sum(stage["energy_J"] for stage in stages)
    if not energy:
        return ""
    ends = [stage.get("band_J", [stage["energy_J"]] * 2) for stage in stages]
    low, high = (sum(band[end] for band in ends) for end in (0, 1))
    band = f" ({quantity(low, 'J')} to {quantity(high, 'J')})" if high > low else ""
    return f"{quantity(energy, 'J')} {origin}{band}"


def _ratios(account: dict) -> str:
    rows = [
        [name, *(f"{ratio[key]:,.0f} ×" if key in ratio else "–" for key in ("energy", "latency"))]
        for name, ratio in account["ratios"].items()
    ]
    caption = "Published baselines over this hardware"
    return table(["baseline", "energy", "latency"], rows, numbers=(1, 2), caption=caption)


def _retention(account: dict) -> str:
    margin = account["retention"]
    held = margin["retention_s"]
    if held is None or math.isinf(held):
        lasts = f"beyond the simulated {quantity(margin.get('simulated_s'), 's')}"
    else:
        lasts = f"for {quantity(held, 's')}"
    needed = quantity(margin["needed_s"], "s")
    return f"Every stored level holds {lasts} (half a step of drift) and has to for {needed}."


def headline(account: dict | None, hardware: Hardware | None) -> list[tuple[str, str]]:
    """Tiles of the summary."""
    tiles = []
    if account is not None:
        tiles.append((quantity(account["energy_per_token_head_J"], "J"), "energy per token and head"))
    if hardware is not None and hardware.timing is not None:
        tiles.append((quantity(hardware.timing.latency, "s"), "latency per token and layer"))
    if account is not None:
        for name, ratio in list(account.get("ratios", {}).items())[:1]:
            tiles.append((f"{ratio['energy']:,.0f} ×", f"less energy than {name} (published)"))
    return tiles
