"""Progress of long work on stderr: a bar with the time left on a terminal, else one plain line a minute."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

LINE_SECONDS = 60.0
"""Interval of the plain lines, s."""

LEAST_TIMED = 0.01
"""Share of a phase's work that must have been timed before the rest is estimated from it."""

Update = Callable[..., None]
"""Called with (done, total, current item) and, where items take different times, the share of the work
done."""


class Pace:
    """Estimate of the time left in the present phase; a phase ends when `done` falls or `total` changes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._total = -1
        self._done, self._first = 0, 0.0
        self._started = clock()

    def left(self, done: int, total: int, share: float | None = None) -> float | None:
        """Estimate the time left of the present phase.

        Args:
            done: items done.
            total: all items.
            share: share of the work that is done, 0 to 1; None: `done / total`.

        Returns:
            Time, s; None before `LEAST_TIMED` of the phase's work has been timed.
        """
        share = done / max(total, 1) if share is None else share
        if total != self._total or done < self._done:
            self._total, self._first, self._started = total, share, self._clock()
        self._done = done
        timed = share - self._first
        if timed <= LEAST_TIMED * (1 - self._first) or done >= total:
            return None
        return (self._clock() - self._started) / timed * (1 - share)


def duration(seconds: float) -> str:
    """A duration in words, such as "2 min 10 s"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


@contextmanager
def progress(title: str, unit: str, console: Console) -> Iterator[Update]:
    """Show the progress of a task on a console.

    Args:
        title: name of the task.
        unit: name of the counted items, such as "points"; empty for none.
        console: where to show it, usually of stderr.

    Yields:
        A function of (done, total, current item).
    """
    with (_bar if console.is_terminal else _lines)(title, unit, console) as update:
        yield update


@contextmanager
def _bar(title: str, unit: str, console: Console) -> Iterator[Update]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    def text(content: str) -> TextColumn:
        return TextColumn(content, markup=False)

    columns = (text("{task.description}"), BarColumn(), MofNCompleteColumn(), text(unit))
    with Progress(*columns, TimeElapsedColumn(), text("{task.fields[left]}"), console=console) as bar:
        task, pace = bar.add_task(title, total=None, left=""), Pace()

        def update(done: int, total: int, item: str, share: float | None = None) -> None:
            left = pace.left(done, total, share)
            remaining = "" if left is None else f"{duration(left)} left"
            described = f"{title} {item}".strip()
            bar.update(task, completed=done, total=total, description=described, left=remaining)

        yield update


@contextmanager
def _lines(title: str, unit: str, console: Console) -> Iterator[Update]:
    pace, state, ended = Pace(), [""], threading.Event()

    def update(done: int, total: int, item: str, share: float | None = None) -> None:
        left = pace.left(done, total, share)
        tail = "" if left is None else f", {duration(left)} left"
        state[0] = f"{item}: {done}/{total} {unit}".strip(": ") + tail

    def speak() -> None:
        started = time.monotonic()
        # A clock of its own: a single item may take minutes.
        while not ended.wait(LINE_SECONDS):
            elapsed = duration(time.monotonic() - started)
            line = f"{title} {state[0]} ({elapsed} so far)"
            console.print(line, markup=False, highlight=False, soft_wrap=True)

    speaker = threading.Thread(target=speak, daemon=True)
    speaker.start()
    try:
        yield update
    finally:
        ended.set()
        speaker.join()
