"""The demo in one call: characterize, fit, adapt, evaluate, account, check in SPICE, report.

Each stage leaves its result in the output folder together with a key of its inputs. A stage with unchanged
inputs is read back, so a second run is quick and an interrupted one continues.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..circuits.files import as_written, sealed, write_json
from ..models import Hardware
from ..models.fitting.folder import fit_folder, report_dict
from .ledger.whole_model import account_model
from .network.adaptation.adapt import Adaptation, Observer, adapt_model
from .network.adaptation.fine_tuning import RECIPE
from .network.checkpoints import ADAPTATION, locate
from .network.compute import FLOAT32, Compute
from .network.evaluate import evaluate_model
from .spice_check import simulate_operations, stage_agreement, trace_operations
from .view.report.build import build_report
from .view.report.sources import Folders

STEPS = 120
"""Fine-tuning steps of the demo, which keep it under ten minutes on two cores with AVX2."""
EVALUATED_TOKENS = 8192
"""Held-out tokens that the demo predicts per row."""
OPERATIONS = 8
"""SPICE columns per product."""

STAGES = ("characterize", "fit", "adapt", "evaluate", "account", "cosim", "report")

Update = Callable[..., None]
"""Called with (current item, done, total) and, where known, the share of the work done."""


def run_demo(
    out: Path,
    *,
    plan: str = "nominal",
    steps: int = STEPS,
    jobs: int | None = None,
    compute: Compute = FLOAT32,
    update: Update = lambda item, done, total: None,
) -> dict[str, Any]:
    """Run or resume every stage for the shipped GPT-2.

    Args:
        out: folder of the results.
        plan: characterization plan, or path of a TOML file.
        steps: steps of fine-tuning.
        jobs: simulations at once; None: one per core.
        compute: device and precision of the digital network.
        update: called with (current item, done, total); the item begins with the stage's number and name.

    Returns:
        Headline results by stage, and "report": path of the page.

    Raises:
        GaincellError: a stage failed; the message names the remedy, and finished stages stay finished.
    """

    from ..characterization.plan import Plan

    def shown(stage: str) -> Update:
        number = f"{STAGES.index(stage) + 1}/{len(STAGES)} {stage}"
        return lambda item, *state: update(f"{number} {item}".strip(), *state)

    folders = Folders(out)
    characterized = _characterize(folders, plan, jobs, shown("characterize"))
    shown("fit")("", 0, 1)
    hardware, fit = fit_folder(folders.tables, folders.hardware)
    adapted = _adapt(folders, hardware, steps, compute, shown("adapt"))
    checkpoint = locate(str(folders.adapted))
    inputs = [hardware.digest, (folders.adapted / ADAPTATION).read_text(), json.dumps(compute.record())]

    def evaluated() -> dict[str, Any]:
        return evaluate_model(
            checkpoint, hardware, tokens=EVALUATED_TOKENS, compute=compute, report=shown("evaluate")
        )

    def accounted() -> dict[str, Any]:
        ledger = account_model(checkpoint, hardware, compute=compute, report=shown("account"))
        return ledger.to_dict() | compute.record()

    def cosimulated() -> dict[str, Any]:
        # The user named the plan, and so its technology.
        technology = Plan.load(plan).technology
        return _cosimulate(folders.adapted, hardware, technology, jobs, compute, shown("cosim"))

    stages = {"evaluate": evaluated, "account": accounted, "cosim": cosimulated}
    results = {name: _cached(folders.result(name), inputs, make) for name, make in stages.items()}
    shown("report")("", 0, 1)
    return {
        "characterize": characterized,
        "fit": report_dict(fit),
        "adapt": {"steps": adapted.steps, "held_out": adapted.held_out, "cached": adapted.cached},
        **results,
        "report": str(build_report(out)),
    }


def _characterize(folders: Folders, plan: str, jobs: int | None, update: Update) -> dict[str, Any]:
    from ..characterization.plan import Plan
    from ..characterization.trimmed_plan import run_plan

    summary = run_plan(
        Plan.load(plan),
        folders.tables,
        jobs=jobs,
        progress=lambda done, total, name, share: update(name, done, total, share),
    )
    return asdict(summary)


def _adapt(folders: Folders, hardware: Hardware, steps: int, compute: Compute, update: Update) -> Adaptation:
    phase, total = "", steps

    def begin(name: str, of: int) -> None:
        nonlocal phase, total
        phase, total = name, of or 1
        update(phase, 0, total)

    def step(done: int, loss: float) -> None:
        update(phase if math.isnan(loss) else f"{phase}, {loss:.2f} nats", done, total)

    recipe = replace(RECIPE, steps=steps)
    observer = Observer(begin, step)
    return adapt_model("demo", hardware, folders.adapted, recipe=recipe, compute=compute, observer=observer)


def _cosimulate(
    adapted: Path, hardware: Hardware, technology: str, jobs: int | None, compute: Compute, update: Update
) -> dict[str, Any]:
    drawn = trace_operations(
        locate(str(adapted)),
        hardware,
        content=None,
        tokens=128,
        count=OPERATIONS,
        seed=0,
        technology=technology,
        compute=compute,
        report=update,
    )
    rows = simulate_operations(
        drawn,
        hardware,
        technology=technology,
        jobs=jobs,
        progress=lambda done, total, stage: update(stage, done, total),
    )
    return {
        "hardware": hardware.name,
        "operations": len(rows),
        "failed": int((rows["status"] != "ok").sum()),
        "stages": [asdict(stage_agreement(rows, stage)) for stage in (1, 2)],
        "columns": rows.drop(columns="message").to_dict(orient="records"),
        **compute.record(),
    }


def _cached(path: Path, inputs: list[str], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The result in `path` if it was made from the same inputs, else a new one, which is written there."""
    key = hashlib.sha256("".join(inputs).encode()).hexdigest()
    try:
        cached = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(cached, dict) and cached.get("key") == key and as_written(cached):
            return cached
    except (OSError, ValueError):
        pass
    # As it will be read, so that a first run returns the same values as a later one.
    result = sealed(make() | {"key": key})
    write_json(path, result)
    return result
