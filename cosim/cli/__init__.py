"""The `gaincell` command; its commands are in `commands.py`.

This module imports no more than the interpreter has already, so that an interrupt while the libraries load
ends in a sentence.
"""

from __future__ import annotations

import signal
import sys
from typing import Any, NoReturn

from .interruption import SENTENCE, STATUS

__all__ = ["app", "main"]


def main() -> NoReturn:
    """Entry point of the console script."""
    interrupted = False

    def interrupt(*_: object) -> None:
        nonlocal interrupted
        interrupted = True
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    try:
        from .commands import app

        app()
    except SystemExit as end:
        # A library that was interrupted while it loaded may have turned the interrupt into another error.
        if not interrupted or end.code in (0, STATUS):
            raise
    except BaseException:
        if not interrupted:
            raise
    else:
        sys.exit(0)
    sys.stderr.write(f"error: {SENTENCE}\n")
    sys.exit(STATUS)


def __getattr__(name: str) -> Any:
    if name == "app":
        from .commands import app

        return app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
