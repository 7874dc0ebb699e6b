"""Progress on stderr: time left per phase, and plain lines where there is no terminal."""

import io
import time

import pytest
from rich.console import Console

from gaincell.cosim.cli import progress as module
from gaincell.cosim.cli.progress import Pace, duration, progress


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59, "59 s"), (130, "2 min 10 s"), (7260, "2 h 1 min")]
)
def test_durations_are_in_words(seconds, words):
    assert duration(seconds) == words


def test_time_left_follows_the_pace_of_the_phase():
    clock = Clock()
    pace = Pace(clock)
    assert pace.left(0, 10) is None
    clock.now = 6.0
    assert pace.left(3, 10) == pytest.approx(14.0)
    assert pace.left(10, 10) is None
    # The next phase starts with items that an earlier run has done already.
    assert pace.left(5, 20) is None
    clock.now = 7.0
    assert pace.left(6, 20) == pytest.approx(14.0)
    # Items that take different times: a tenth of the work took a second.
    assert pace.left(0, 30, 0.0) is None
    clock.now = 8.0
    assert pace.left(1, 30, 0.1) == pytest.approx(9.0)


def test_plain_lines_appear_also_while_one_item_takes_long(monkeypatch):
    monkeypatch.setattr(module, "LINE_SECONDS", 0.01)
    text = io.StringIO()
    with progress("adapt", "steps", Console(file=text)) as update:
        update(1, 4, "adapted [b] 1.234 nats")
        deadline = time.monotonic() + 60
        while text.getvalue().count("\n") < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
    first, second, *_ = text.getvalue().splitlines()
    assert first.startswith("adapt adapted [b] 1.234 nats: 1/4 steps (")
    assert second.startswith("adapt adapted [b] 1.234 nats: 1/4 steps (")
    assert "\x1b" not in text.getvalue()


def test_short_work_without_a_terminal_prints_nothing():
    text = io.StringIO()
    with progress("fit", "", Console(file=text)) as update:
        update(1, 1, "")
    assert text.getvalue() == ""


def test_bar_shows_items_that_look_like_markup_as_they_are():
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=120)
    with progress("demo", "points", console) as update:
        update(1, 2, "run [old]")
    assert "run [old]" in text.getvalue()
