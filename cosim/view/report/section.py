"""Parts of a report: sections of text, tables and figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from ..figures import Figure
from ..figures.page import beside


@dataclass(frozen=True)
class Section:
    """A chapter of the page."""

    anchor: str
    title: str
    blocks: tuple[str | tuple[Figure | str, ...], ...]
    """HTML, or figures and HTML that stand side by side where there is room."""
    present: bool = True
    """False when its source is absent and it only says how to make it."""

    @property
    def figures(self) -> Iterable[Figure]:
        """Every figure in it, in order."""
        rows = [block for block in self.blocks if not isinstance(block, str)]
        return [part for row in rows for part in row if not isinstance(part, str)]

    def html(self) -> str:
        """The section as HTML."""
        body = "".join(block if isinstance(block, str) else beside(block) for block in self.blocks)
        return f'<section id="{self.anchor}"><h2>{escape(self.title)}</h2>{body}</section>'


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text; back-quoted words become code."""
    parts = escape(text).split("`")
    inner = "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))
    return f'<p class="{kind}">{inner}</p>' if kind else f"<p>{inner}</p>"


def absent(anchor: str, title: str, sentence: str) -> Section:
    """A section whose source is not there: `sentence` says what makes it."""
    return Section(anchor, title, (paragraph(sentence, "absent"),), present=False)


def percent(fraction: float, digits: int = 2) -> str:
    """A fraction as percent."""
    return f"{100 * fraction:.{digits}f} %"
