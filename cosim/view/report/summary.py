"""First and last section: what was run with its headline numbers, and where everything came from."""

from __future__ import annotations

from typing import Any

from ....circuits.runner import SIMULATORS
from ..figures.page import table, tiles
from ..figures.units import quantity
from .cost import headline
from .fits import figure_of
from .section import Section, absent, paragraph
from .sources import ReportData


def summary_section(material: ReportData) -> Section:
    """Headline numbers of whatever is there."""
    entries = [*_circuit_tiles(material), *_fit_tiles(material), *_network_tiles(material)]
    entries += headline(material.account, material.hardware)
    if not entries:
        return absent("summary", "Summary", "Nothing to report yet: run `gaincell demo`.")
    blocks = [paragraph(_what(material)), tiles(entries)]
    if unproved := material.unproved:
        names = ", ".join(unproved)
        blocks.append(
            paragraph(f"No digest, so an edit by hand would not show: {names}. Make them again.", "absent")
        )
    return Section("summary", "Summary", tuple(blocks))


def provenance_section(material: ReportData) -> Section:
    """Versions, hashes, seeds and options that reproduce the numbers above."""
    title = "Provenance"
    manifest, hardware = material.manifest, material.hardware
    if manifest is None and hardware is None:
        return absent("provenance", title, "No characterization: run `gaincell characterize`.")
    blocks: list[str] = []
    if manifest is not None:
        blocks += [_pairs(_run(manifest)), _tables(manifest)]
    if hardware is not None:
        blocks.append(_pairs(_hardware(material)))
    network = {
        **_adaptation(material.adaptation),
        **_evaluation(material.evaluation),
    }
    if network:
        blocks.append(_pairs(network))
    return Section("provenance", title, tuple(blocks))


def subtitle(material: ReportData) -> str:
    """One line under the page's title."""
    if material.manifest is not None:
        condition = material.manifest["condition"]
        where = f"{condition['technology']}, corner {condition['corner']}, {condition['temperature']:g} °C"
        return f"{where}, characterized {material.manifest['created'][:10]}"
    return "" if material.hardware is None else f"hardware {material.hardware.name}"


def _what(material: ReportData) -> str:
    parts = []
    if material.manifest is not None:
        plan, condition = material.manifest["plan"], material.manifest["condition"]
        parts.append(
            f"Plan {plan['name']} on {condition['technology']}, corner {condition['corner']}, "
            f"{condition['temperature']:g} °C, supply {condition['vdd']:g} V."
        )
    elif material.hardware is not None:
        parts.append(f"Hardware {material.hardware.name}. {material.hardware.description}")
    if material.evaluation is not None:
        parts.append(f"Model {material.evaluation['model']}.")
    return " ".join(parts)


def _circuit_tiles(material: ReportData) -> list[tuple[str, str]]:
    if material.manifest is None:
        return []
    summary = material.manifest["summary"]
    return [(f"{summary['points']:,}", f"simulated points, {summary['failed']} failed")]


def _fit_tiles(material: ReportData) -> list[tuple[str, str]]:
    if material.fit is None:
        return []
    checks, errors = material.fit["checks"], material.fit["surrogates"]
    met = sum(check["value"] <= check["limit"] for check in checks)
    entries = [(f"{met} of {len(checks)}", "design limits met")]
    for name, label in (
        ("K column", "K column, rms of T_max on unseen columns"),
        ("V column", "V column, rms of T_max on unseen columns"),
        ("16x16 chain, second product", "two-array chain, rms of T_max"),
    ):
        if name in errors:
            entries.append((figure_of(errors[name]["rms"], errors[name]["unit"]), label))
    return entries


def _network_tiles(material: ReportData) -> list[tuple[str, str]]:
    evaluation = material.evaluation
    if evaluation is None:
        return []
    token = evaluation.get("token", "token")
    rows = (("adapted", "on the hardware, adapted"), ("control", "exact attention, same training"))
    found = [(evaluation["perplexity"].get(row), label) for row, label in rows]
    return [
        (f"{value:,.3f}", f"perplexity per {token}, {label}") for value, label in found if value is not None
    ]


def _run(manifest: dict[str, Any]) -> dict[str, str]:
    technology, plan = manifest["technology"], manifest["plan"]
    return {
        "characterized": manifest["created"],
        **{name: manifest[name] for name in SIMULATORS if name in manifest},
        "gaincell": manifest["gaincell"],
        "git revision": manifest.get("git_revision") or "not a git checkout",
        "Python": f"{manifest['python']} on {manifest['machine']}",
        "technology": f"{technology['name']}, sha256 {technology['digest']}",
        "plan": f"{plan['name']}, seed {plan['seed']}",
        "sizes changed by the plan": str(plan["designs"]) if plan.get("designs") else "none",
    }


def _tables(manifest: dict[str, Any]) -> str:
    rows = [
        [
            name,
            f"{entry['points']:,}",
            str(entry["failed"]),
            str(entry["relaxed_points"]),
            str(entry["netlists"]),
            "; ".join(option.removeprefix(".options ") for option in entry["options"]),
            entry["sha256"][:12],
        ]
        for name, entry in manifest["tables"].items()
    ]
    head = ["table", "points", "failed", "relaxed", "netlists", "simulator options", "sha256"]
    caption = "Netlists as simulated are beside the tables; relaxed: converged only with other options"
    return table(head, rows, numbers=(1, 2, 3, 4), caption=caption)


def _hardware(material: ReportData) -> dict[str, str]:
    hardware = material.hardware
    record = {"hardware": f"{hardware.name}, sha256 {hardware.digest}", "origin": hardware.origin}
    if material.manifest is not None and not material.same_tables:
        record["fitted to"] = "other tables than those above"
    levels = hardware.levels
    record["levels"] = f"query {levels.query}, key {levels.key}, value {levels.value}, output {levels.output}"
    record["full scales"] = ", ".join(
        quantity(q, hardware.charge_unit) for q in (hardware.q_sat_1, hardware.q_sat_2)
    )
    if hardware.trim is not None:
        record["trim"] = hardware.trim.sentence
    return record


def _adaptation(adaptation: dict[str, Any] | None) -> dict[str, str]:
    if adaptation is None:
        return {}
    recipe = adaptation.get("settings", {}).get("recipe", {})
    shown = ", ".join(f"{key} {value}" for key, value in recipe.items() if not isinstance(value, dict))
    return {"adaptation": f"{adaptation['model']}, {adaptation['steps']} steps", "recipe": shown} | _corpus(
        adaptation.get("corpus")
    )


def _evaluation(evaluation: dict[str, Any] | None) -> dict[str, str]:
    if evaluation is None:
        return {}
    kept = ("model", "tokens", "context", "seed", "dtype")
    shown = ", ".join(f"{key} {evaluation[key]}" for key in kept if key in evaluation)
    switched_off = [name for name, on in evaluation.get("effects", {}).items() if on is False]
    return {"evaluation": shown, "effects switched off": ", ".join(switched_off) or "none"} | _corpus(
        evaluation.get("text")
    )


def _corpus(corpus: dict[str, Any] | None) -> dict[str, str]:
    return {"text": ", ".join(f"{key} {value}" for key, value in corpus.items())} if corpus else {}


def _pairs(values: dict[str, str]) -> str:
    return table(
        ["", ""], [[key, f'<span class="wrap">{_escaped(value)}</span>'] for key, value in values.items()]
    )


def _escaped(text: str) -> str:
    from html import escape

    return escape(text)
