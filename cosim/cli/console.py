"""Output of every command: results on stdout, progress and errors on stderr, exit statuses."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Annotated, Any, ParamSpec, TypeVar

import typer
from rich.console import Console

from ...circuits.errors import GaincellError
from .progress import Update
from .progress import progress as shown_progress

P = ParamSpec("P")
R = TypeVar("R")

Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object on stdout.")]
"""Type of the parameter `--json`, which every command has."""

stdout = Console()
"""Results for people."""
stderr = Console(stderr=True)
"""Progress, warnings and errors."""


def guarded(run: Callable[P, R]) -> Callable[P, R]:
    """`run`, in which errors of the user's become one sentence on stderr and an exit status."""

    @functools.wraps(run)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return run(*args, **kwargs)
        except GaincellError as error:
            fail(str(error), error.exit_status)
        except BrokenPipeError:
            raise  # the reader of stdout is gone: typer ends without a message
        except OSError as error:
            fail(_sentence(error, has_out="out" in kwargs))
        except KeyboardInterrupt:
            fail("interrupted; the same command continues where it stopped", 130)

    return wrapper


def fail(sentence: str, status: int = 1) -> None:
    """Print `error: <sentence>` on stderr and exit with `status`."""
    stderr.print(f"error: {sentence}", style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(status)


def _sentence(error: OSError, has_out: bool) -> str:
    what = "a file" if error.filename is None else error.filename
    remedy = "choose another folder with --out" if has_out else "correct its path or its permissions"
    return f"cannot write or read {what}: {error.strerror or error}; {remedy}"


def emit(value: dict[str, Any]) -> None:
    """Print the result of a command as the one JSON object of `--json`; NaN and infinities become null."""
    typer.echo(json.dumps(_finite(value), allow_nan=False, default=str))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def progress(title: str, unit: str = "points") -> AbstractContextManager[Update]:
    """Progress of a task on stderr; the context is a function of (done, total, current item)."""
    return shown_progress(title, unit, stderr)
