"""One self-contained HTML page: text, tables and interactive figures, no network, no server."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from string import Template

from . import interactive
from .layout import FONT
from .style import BAND, GRID, INK, MUTED
from .values import Figure

_CSS = f"""
:root {{ --ink: {INK}; --muted: {MUTED}; --line: {GRID}; --band: {BAND}; --accent: #1f6f9f; }}
* {{ box-sizing: border-box; }}
html {{ scroll-behavior: smooth; scroll-padding-top: 3.2rem; -webkit-text-size-adjust: 100%; }}
body {{ margin: 0; color: var(--ink); background: #fff; line-height: 1.5; font-size: 15px;
  font-family: {FONT}; }}
header, main, footer {{ max-width: 1120px; margin: 0 auto; padding: 0 20px; }}
header {{ padding-top: 30px; padding-bottom: 8px; }}
h1 {{ font-size: 1.65rem; line-height: 1.2; margin: 0 0 4px; letter-spacing: -0.01em; }}
h2 {{ font-size: 1.2rem; margin: 46px 0 6px; padding-top: 14px; border-top: 1px solid var(--line); }}
h3 {{ font-size: 1rem; margin: 22px 0 4px; }}
p {{ max-width: 74ch; margin: 6px 0 10px; }}
.subtitle, figcaption, .note, footer {{ color: var(--muted); }}
.note {{ font-size: 0.87rem; }}
code {{ font: 0.9em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; background: var(--band);
  padding: 1px 5px; border-radius: 3px; overflow-wrap: anywhere; }}
nav {{ position: sticky; top: 0; z-index: 10; background: rgba(255,255,255,.96);
  border-bottom: 1px solid var(--line); }}
nav div {{ max-width: 1120px; margin: 0 auto; padding: 8px 20px; display: flex; gap: 18px; overflow-x: auto;
  white-space: nowrap; scrollbar-width: none; }}
nav a {{ color: var(--muted); text-decoration: none; font-size: 0.88rem; }}
nav a:hover {{ color: var(--accent); }}
.tiles {{ display: flex; flex-wrap: wrap; gap: 1px; background: var(--line); border: 1px solid var(--line);
  margin: 18px 0; }}
.tile {{ background: #fff; padding: 12px 14px; flex: 1 1 155px; }}
.tile b {{ display: block; font-size: 1.32rem; font-weight: 600; letter-spacing: -0.01em; }}
.tile span {{ display: block; font-size: 0.8rem; color: var(--muted); line-height: 1.35; }}
.grid {{ display: grid; gap: 10px 34px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr)); }}
figure {{ margin: 14px 0 8px; min-width: 0; }}
figure h3 {{ margin: 0; }}
figcaption {{ font-size: 0.84rem; max-width: 74ch; }}
.table {{ overflow-x: auto; margin: 10px 0 16px; min-width: 0; }}
table {{ border-collapse: collapse; font-size: 0.88rem; font-variant-numeric: tabular-nums; }}
caption {{ text-align: left; color: var(--muted); padding-bottom: 4px; }}
th, td {{ padding: 5px 14px 5px 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; }}
th {{ color: var(--muted); font-weight: 500; vertical-align: bottom; max-width: 11rem; }}
td.num, th.num {{ text-align: right; }} td.num {{ white-space: nowrap; }}
.met {{ color: #2c7a52; }} .missed {{ color: #b83a4b; font-weight: 600; }}
.absent {{ background: var(--band); border-left: 3px solid var(--line); padding: 10px 14px; margin: 10px 0; }}
.wrap {{ overflow-wrap: anywhere; }}
footer {{ font-size: 0.84rem; padding: 30px 20px 40px; }}
@media (max-width: 560px) {{ body {{ font-size: 14.5px; }}
  header, main {{ padding-left: 14px; padding-right: 14px; }}
  h1 {{ font-size: 1.35rem; }} nav div {{ padding: 8px 14px; }} .tile b {{ font-size: 1.12rem; }} }}
@media print {{ nav {{ display: none; }} figure, table {{ break-inside: avoid; }} }}
"""

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<link rel="icon" href="data:,">
<style>$css</style>
<script>$script</script>
</head>
<body>
<header><h1>$title</h1><div class="subtitle">$subtitle</div></header>
$navigation
<main>
<noscript><p class="absent">The figures on this page need JavaScript.</p></noscript>
$body
</main>
<footer>$footer</footer>
<script>$draw</script>
</body>
</html>
""")


def page(
    title: str,
    subtitle: str,
    body: str,
    script: str,
    sections: Sequence[tuple[str, str]] = (),
    footer: str = "",
) -> str:
    """The whole page as text.

    Args:
        title: heading, plain text.
        subtitle: one line below it, plain text.
        body: HTML.
        script: JavaScript library to embed (`interactive.script`).
        sections: (anchor, name) for the navigation bar; none without sections.
        footer: HTML.
    """
    links = "".join(f'<a href="#{anchor}">{escape(name)}</a>' for anchor, name in sections)
    return _PAGE.substitute(
        title=escape(title),
        subtitle=escape(subtitle),
        css=_CSS,
        script=script,
        draw=interactive.DRAW if script else "",
        navigation=f"<nav><div>{links}</div></nav>" if links else "",
        body=body,
        footer=footer,
    )


def plot(figure: Figure, *, titled: bool = True) -> str:
    """A figure with its caption as HTML.

    Args:
        figure: what to draw.
        titled: whether to write its title above it.

    Returns:
        HTML.
    """
    title = f"<h3>{escape(figure.title)}</h3>" if titled else ""
    caption = f"<figcaption>{escape(figure.caption)}</figcaption>" if figure.caption else ""
    return f"<figure>{title}{interactive.division(figure)}{caption}</figure>"


def beside(parts: Iterable[Figure | str]) -> str:
    """Figures and HTML side by side where the window is wide enough."""
    inner = "".join(part if isinstance(part, str) else plot(part) for part in parts)
    return f'<div class="grid">{inner}</div>'


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int] = (), caption: str = ""
) -> str:
    """A table; cells are plain text, or HTML when they start with `<`. `numbers`: columns aligned right."""

    def cell(tag: str, column: int, text: str) -> str:
        kind = ' class="num"' if column in numbers else ""
        return f"<{tag}{kind}>{text if text.startswith('<') else escape(text)}</{tag}>"

    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    top = "".join(cell("th", i, text) for i, text in enumerate(head))
    body = "".join(f"<tr>{''.join(cell('td', i, t) for i, t in enumerate(row))}</tr>" for row in rows)
    return (
        f'<div class="table"><table>{title}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def tiles(entries: Iterable[tuple[str, str]]) -> str:
    """Headline numbers: (number, what it is)."""
    inner = "".join(f'<div class="tile"><b>{escape(n)}</b><span>{escape(w)}</span></div>' for n, w in entries)
    return f'<div class="tiles">{inner}</div>'
