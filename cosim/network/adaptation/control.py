"""The softmax control of an adaptation, trained in a process of its own while the adapted model trains.

Two trainings with half of the cores each take less time than one after the other with all of them, since
small matrix products use few cores well. The process trains into a checkpoint; whatever it leaves undone, the
caller does, continuing from there, so the result does not depend on it.

The process prints a line per step. When its reader is gone, it stops: a killed adaptation leaves nothing
running.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from ....circuits.files import replace_atomically, write_json
from ..checkpoints import load_softmax
from ..compute import device_of
from .fine_tuning import fine_tune
from .lora import with_lora
from .trainer import Recipe

if TYPE_CHECKING:
    from .training_text import TrainingText

POLL_SECONDS = 0.5
"""Interval of progress reports while waiting, s."""
BYTES_PER_PARAMETER = 24
"""Memory of a training: weights, gradients, two moments, and copies while a checkpoint is written."""


class Beside:
    """A training in another process, or none."""

    def __init__(self, process: subprocess.Popen[str] | None) -> None:
        self._process = process
        self._latest: tuple[int, float] | None = None
        # The pipe is read all the time: a full one would stop the training.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout if self._process else ():
            done, loss = line.split()
            self._latest = int(done), float(loss)

    def wait(self, on_step: Callable[[int, float], None]) -> None:
        """Wait until the process has ended, with or without success.

        Args:
            on_step: called with (steps done, cross-entropy in nats per token) as the process reports them.
        """
        while self._reader.is_alive():
            self._reader.join(POLL_SECONDS)
            if self._latest is not None:
                on_step(*self._latest)
        if self._process is not None:
            self._process.wait()

    def end(self) -> None:
        """End the process if it still runs."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._reader.join()
            self._process.stdout.close()


@contextmanager
def train_beside(
    softmax: str,
    model: nn.Module,
    recipe: Recipe,
    checkpoint: Path,
    text: TrainingText,
    lora: int | None = None,
) -> Iterator[Beside]:
    """Within the context, train a softmax model in another process with half of the threads.

    With a single thread, on a GPU, or where memory for two trainings is short, no process is started.

    Args:
        softmax: directory or hub name of the model, as transformers loads it.
        model: the same model, for its size and device.
        recipe: settings of fine-tuning.
        checkpoint: file that the process trains into, next to which its order is written.
        text: training tokens and held-out windows.
        lora: rank of the low-rank additions that the model has; None: all of its weights learn.
    """
    threads = torch.get_num_threads()
    share = threads // 2 if device_of(model).type == "cpu" and _memory_suffices(model) else 0
    if not share:
        yield Beside(None)
        return
    order = checkpoint.with_suffix(".json")
    tokens = checkpoint.with_suffix(".tokens.pt")
    content = {"tokens": text.tokens, "watched": text.watched}
    replace_atomically(tokens, lambda partial: torch.save(content, partial))
    write_json(
        order,
        {
            "softmax": softmax,
            "recipe": asdict(recipe),
            "lora": lora,
            "threads": share,
            "checkpoint": str(checkpoint),
            "tokens": str(tokens),
        },
    )
    # A session of its own: Ctrl-C reaches only this process, which then ends the other one.
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(order)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    torch.set_num_threads(threads - share)
    beside = Beside(process)
    try:
        yield beside
    finally:
        torch.set_num_threads(threads)
        beside.end()


def main(order: Path) -> None:
    """Train as an order says; print "steps loss" after every step."""
    given = json.loads(order.read_text())
    torch.set_num_threads(given["threads"])
    text = torch.load(given["tokens"], weights_only=True)

    def report(done: int, loss: float) -> None:
        try:
            print(done, loss, flush=True)
        except BrokenPipeError:
            os._exit(1)  # The adaptation was killed; its next run continues from the checkpoint.

    model, recipe = load_softmax(given["softmax"]), Recipe(**given["recipe"])
    fine_tune(
        model if given["lora"] is None else with_lora(model, model, given["lora"], recipe.seed),
        recipe,
        text["tokens"],
        held_out=text["watched"],
        checkpoint=Path(given["checkpoint"]),
        on_step=report,
    )


def _memory_suffices(model: nn.Module) -> bool:
    """Whether a second training fits into half of the free memory."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return BYTES_PER_PARAMETER * sum(p.numel() for p in model.parameters()) < free / 2


if __name__ == "__main__":
    main(Path(sys.argv[1]))
