"""The main job in one call: characterize, fit, adapt, evaluate, account, check in SPICE, report.

Each stage leaves its result in the output folder together with a key of what went into it; a stage whose
inputs have not changed is read back, so a second run is quick and an interrupted one goes on from there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..models import Hardware
from ..models.fitting.folder import fit_folder, report_dict
from ..models.storage import replace_file
from .ledger.whole_model import account_model
from .network.adaptation.adapt import Observer, adapt_model
from .network.adaptation.fine_tuning import RECIPE
from .network.checkpoints import ADAPTATION, locate
from .network.evaluate import evaluate_model
from .spice_check import simulate_operations, stage_agreement, trace_operations
from .view.report.sources import Folders

STEPS = 120
"""Fine-tuning steps of the demo, chosen to keep it under ten minutes on two cores."""
EVALUATED_TOKENS = 8192
OPERATIONS = 8
"""SPICE columns per product."""

Update = Callable[[str, int, int], None]
"""Called with (what is going on, done, total)."""


def run_demo(
    out: Path,
    *,
    plan: str = "nominal",
    steps: int = STEPS,
    jobs: int | None = None,
    update: Update = lambda stage, done, total: None,
) -> dict[str, Any]:
    """Run or resume every stage for the shipped GPT-2; returns the headline results by stage.

    Raises whatever a stage raises: a GaincellError names what to mend, and what is done stays done.
    """
    folders = Folders(out)
    hardware, characterized, fitted = _hardware(folders, plan, jobs, update)
    adapted = _adapt(folders, hardware, steps, update)
    checkpoint = locate(str(folders.adapted))
    inputs = [hardware.digest, (folders.adapted / ADAPTATION).read_text()]

    def evaluated() -> dict[str, Any]:
        return evaluate_model(
            checkpoint,
            hardware,
            tokens=EVALUATED_TOKENS,
            report=lambda row, done, total: update(f"evaluate {row}", done, total),
        )

    def accounted() -> dict[str, Any]:
        return account_model(
            checkpoint, hardware, progress=lambda done, total: update("account", done, total)
        ).to_dict()

    def cosimulated() -> dict[str, Any]:
        drawn = trace_operations(checkpoint, hardware, content=None, tokens=128, count=OPERATIONS, seed=0)
        rows = simulate_operations(
            drawn, hardware, jobs=jobs, progress=lambda done, total, stage: update("cosim", done, total)
        )
        return {
            "hardware": hardware.name,
            "operations": len(rows),
            "failed": int((rows["status"] != "ok").sum()),
            "stages": [asdict(stage_agreement(rows, stage)) for stage in (1, 2)],
            "columns": rows.drop(columns="message").to_dict(orient="records"),
        }

    stages = {"evaluate": evaluated, "account": accounted, "cosim": cosimulated}
    results = {name: _remembered(folders.result(name), inputs, make) for name, make in stages.items()}
    return {
        "characterize": characterized,
        "fit": fitted,
        "adapt": {"steps": adapted.steps, "held_out": adapted.held_out, "cached": adapted.cached},
        **results,
    }


def _hardware(
    folders: Folders, plan: str, jobs: int | None, update: Update
) -> tuple[Hardware, dict[str, Any], dict[str, Any]]:
    from ..characterization.execute import characterize
    from ..characterization.plan import Plan

    summary = characterize(
        Plan.load(plan),
        folders.tables,
        jobs=jobs,
        progress=lambda done, total, name: update(f"characterize {name}", done, total),
    )
    update("fit", 0, 1)
    hardware, report = fit_folder(folders.tables, folders.hardware)
    return hardware, asdict(summary), report_dict(report)


def _adapt(folders: Folders, hardware: Hardware, steps: int, update: Update):
    phase, total = "adapt", steps

    def begin(name: str, of: int) -> None:
        nonlocal phase, total
        phase, total = f"train {name}", of or 1
        update(phase, 0, total)

    observer = Observer(begin, lambda done, loss: update(f"{phase}, {loss:.2f} nats", done, total))
    recipe = replace(RECIPE, steps=steps)
    return adapt_model("demo", hardware, folders.adapted, recipe=recipe, observer=observer)


def _remembered(path: Path, inputs: list[str], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The result in `path` if it was made from the same inputs, else a new one, written there."""
    key = hashlib.sha256("".join(inputs).encode()).hexdigest()
    try:
        kept = json.loads(path.read_text())
        if kept.get("key") == key:
            return kept
    except (OSError, ValueError):
        pass
    result = make() | {"key": key}
    replace_file(path, (json.dumps(result, indent=1, default=str) + "\n").encode())
    return result
