"""Output of every command: results on stdout, progress and errors on stderr, exit statuses."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Annotated, Any, NoReturn, ParamSpec, TypeVar

import typer
from rich.console import Console
from typer.core import TyperGroup

from ...circuits.errors import GaincellError
from ...circuits.files import sealed
from .interruption import SENTENCE, STATUS
from .progress import Update
from .progress import progress as shown_progress

P = ParamSpec("P")
R = TypeVar("R")

Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object on stdout.")]
"""Type of the parameter `--json`, which every command has."""

PLAIN: dict[str, Any] = {"markup": False, "highlight": False, "emoji": False}
"""Texts are shown as they are: brackets and colons in them are parts of paths and names."""
stdout = Console(**PLAIN)
"""Results for people."""
stderr = Console(stderr=True, **PLAIN)
"""Progress, warnings and errors."""

UsageError: type[Exception] = typer.BadParameter.__base__
"""Base class of what the parser of the command line raises."""
LARGEST = 2**63 - 1
"""Largest whole number that an option takes: torch and numpy hold 64 bits."""


class _Answer:
    """The one JSON object of a command with `--json`."""

    def __init__(self) -> None:
        self.begin(False)

    def begin(self, as_json: bool) -> None:
        """Start the answer of a command."""
        self._due = as_json

    def give(self, value: dict[str, Any]) -> None:
        """Print the object."""
        self._due = False
        typer.echo(json.dumps(_finite(value), allow_nan=False, default=str))

    def give_error(self, sentence: str) -> None:
        """Print an object with the error, if one is due and none was printed."""
        if self._due:
            self.give({"error": sentence})


_answer = _Answer()


class CommandGroup(TyperGroup):
    """All commands; complaints of the parser are printed on stdout too where `--json` asks for an object."""

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> Any:
        _answer.begin("--json" in args)
        with _complaints_answered():
            return super().make_context(info_name, args, *rest, **extra)

    def invoke(self, ctx: Any) -> Any:
        with _complaints_answered():
            return super().invoke(ctx)


@contextmanager
def _complaints_answered() -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        _answer.give_error(error.format_message())
        raise


def guarded(run: Callable[P, R]) -> Callable[P, R]:
    """`run`, in which errors of the user's become one sentence on stderr and an exit status.

    With `--json`, the sentence is also printed on stdout, as the object {"error": sentence}.
    """

    @functools.wraps(run)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        _answer.begin(bool(kwargs.get("as_json")))
        try:
            with _complaints_answered():
                for name, value in kwargs.items():
                    _require_number(name, value)
                return run(*args, **kwargs)
        except GaincellError as error:
            fail(str(error), error.exit_status)
        except BrokenPipeError:
            raise  # the reader of stdout is gone: typer ends without a message
        except OSError as error:
            fail(_sentence(error, has_out="out" in kwargs))
        except UnicodeEncodeError as error:
            # Bytes of the command line that are no UTF-8, as under another locale, arrive as lone surrogates.
            fail(f"{ascii(error.object)[:80]} is not UTF-8 text; give text and names in UTF-8")
        except KeyboardInterrupt:
            fail(SENTENCE, STATUS)
        except (UsageError, typer.Exit):
            raise
        except Exception as error:
            _answer.give_error(f"{type(error).__name__}: {error}")
            raise

    return wrapper


def _require_number(option: str, value: Any) -> None:
    """BadParameter for a number, or one of a list, that is not finite or that 64 bits do not hold."""
    for number in value if isinstance(value, list | tuple) else (value,):
        name = f"--{option.replace('_', '-')}"
        if isinstance(number, float) and not math.isfinite(number):
            raise typer.BadParameter(f"{name}: {number} is not a finite number")
        if isinstance(number, int) and abs(number) > LARGEST:
            raise typer.BadParameter(f"{name}: {number} is out of range; at most {LARGEST}")


def fail(sentence: str, status: int = 1) -> NoReturn:
    """Print `error: <sentence>` on stderr and exit with `status`; with `--json`, also as an object."""
    stderr.print(f"error: {sentence}", style="red", soft_wrap=True)
    _answer.give_error(sentence)
    raise typer.Exit(status)


def note(sentence: str) -> None:
    """Print a sentence on stderr, in one line however wide the terminal is."""
    stderr.print(sentence, soft_wrap=True)


def _sentence(error: OSError, has_out: bool) -> str:
    what = "a file" if error.filename is None else error.filename
    remedy = "choose another folder with --out" if has_out else "correct its path or its permissions"
    return f"cannot write or read {what}: {error.strerror or error}; {remedy}"


def emit(value: dict[str, Any]) -> None:
    """Print the result of a command as the one JSON object of `--json`; NaN and infinities become null."""
    _answer.give(value)


def emit_result(value: dict[str, Any]) -> None:
    """Print a result that reports are made from, with the digest by which they know it again."""
    _answer.give(sealed(_finite(value)))


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
