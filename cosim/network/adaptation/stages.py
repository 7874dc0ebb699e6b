"""The stages of an adaptation: calibration, layer-wise distillation, fine-tuning."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from ..layer import gain_cell_layers
from .budget import Budget
from .calibration import calibrate, calibration_inputs
from .control import train_beside
from .draws import Draws
from .fine_tuning import fine_tune, steps_in
from .layerwise import distil_layers
from .state import RunState
from .trainer import Recipe, Row
from .training_text import TrainingText

ROWS = ("softmax", "start", "calibrated", "distilled", "adapted", "control")
"""Rows of the result, in the order of the stages."""
STEPS = "steps.json"
HELD_OUT = "held_out.json"


@dataclass(frozen=True)
class Observer:
    """Callbacks that report the progress of an adaptation."""

    phase: Callable[[str, int], None] = lambda name, steps: None
    """Called when a phase begins: its name and number of steps."""
    step: Callable[[int, float], None] = lambda done, loss: None
    """Called with the steps done in this phase and the latest cross-entropy, nats per token (or NaN)."""
    measured: Callable[[str, int, float], None] = lambda row, tokens, nats: None
    """Called with a row, the tokens that its training has seen, and its held-out loss, nats per token."""


SILENT = Observer()


class Stages:
    """The stages of one adaptation; each leaves its result in the state and is not repeated."""

    def __init__(
        self,
        state: RunState,
        softmax: nn.Module,
        recipe: Recipe,
        text: TrainingText,
        observer: Observer,
        draws: Draws | None = None,
    ) -> None:
        self.state, self.softmax, self.recipe, self.text = state, softmax, recipe, text
        self.observer, self.draws = observer, draws
        self.curves: dict[str, list[Row]] = {}

    @property
    def held_out(self) -> dict[str, float]:
        """Held-out loss after each stage so far, nats per token."""
        found = self.state.read(HELD_OUT) or {}
        found |= {row: curve[-1]["held_out"] for row, curve in self.curves.items()}
        return {row: found[row] for row in ROWS if row in found}

    def calibrate(self, model: nn.Module) -> None:
        """Set the scalers, and measure the network before and after."""
        scalers = nn.ModuleDict({str(i): layer for i, layer in enumerate(gain_cell_layers(model).values())})
        if self.state.restore("calibrated", scalers) is None:
            self.observer.phase("calibrate", len(scalers))
            inputs = calibration_inputs(self.text.tokens, self.recipe.context)
            calibrate(model, self.softmax, inputs, progress=self._silent_step)
            # Only now is there something to resume: a model that cannot be adapted must not block the folder.
            self.state.begin()
            self.state.keep("calibrated", scalers)
        self._measure("softmax", self.softmax)
        self._measure("calibrated", model)

    def distil(
        self, model: nn.Module, budget: Budget, jobs: int, lora: int | None = None
    ) -> dict[str, Any] | None:
        """Train the attention layers one by one; None if the stage is left out."""
        if budget.empty:
            return None
        layers = distil_layers(
            model,
            self.softmax,
            self.text.tokens,
            budget,
            self.recipe,
            self.state,
            jobs=jobs,
            lora=lora,
            phase=self.observer.phase,
            progress=self._silent_step,
        )
        self._measure("distilled", model, layers["tokens"])
        return layers

    def set_steps(self, minutes: float, models: list[nn.Module]) -> None:
        """Steps for a time budget, measured once and then read back: a resumed run keeps its schedule."""

        def measured() -> dict[str, int]:
            found = steps_in(minutes, models, self.softmax, self.recipe, self.text.tokens, self.draws)
            return {"steps": found}

        self.recipe = replace(self.recipe, steps=self.state.remembered(STEPS, measured)["steps"])

    def start(self, model: nn.Module) -> None:
        """In place of the first two stages: measure a network that has them behind it."""
        self.state.begin()
        self._measure("softmax", self.softmax)
        self._measure("start", model)

    def fine_tune(
        self, adapted: nn.Module, control: nn.Module | None, softmax: str, lora: int | None = None
    ) -> None:
        """Train end to end, the control beside the adapted model."""
        folder, size = self.state.folder, self.recipe.batch * self.recipe.context
        rows = {"adapted": adapted} | ({} if control is None else {"control": control})
        beside = (
            nullcontext()
            if control is None
            else train_beside(softmax, control, self.recipe, folder / "control.pt", self.text, lora)
        )
        with beside as other:
            for row, model in rows.items():
                self.observer.phase(row, self.recipe.steps)
                if row == "control":
                    other.wait(self.observer.step)
                self.curves[row] = fine_tune(
                    model,
                    self.recipe,
                    self.text.tokens,
                    teacher=self.softmax,
                    held_out=self.text.watched,
                    checkpoint=folder / f"{row}.pt",
                    draws=self.draws,
                    on_step=self.observer.step,
                    on_row=lambda found, row=row: self.observer.measured(
                        row, int(found["step"]) * size, found["held_out"]
                    ),
                )

    def _silent_step(self, done: int, total: int) -> None:
        self.observer.step(done, float("nan"))

    def _measure(self, row: str, model: nn.Module, tokens: int = 0) -> None:
        known = dict(self.state.read(HELD_OUT) or {})
        if row not in known:
            self.observer.phase(f"measure {row}", len(self.text.watched))
            known[row] = self.text.nats(model, self._silent_step)
            self.state.write(HELD_OUT, known)
        self.observer.measured(row, tokens, known[row])
