"""How benchmarks/attention.py shows what it measured: tables on the terminal, a figure in a file."""

from __future__ import annotations

from pathlib import Path

from contenders import DENSE, Case
from rich.console import Console
from rich.table import Table
from targets import MEASURES, Ratio, number


def show_case(console: Console, case: Case, results: dict[str, dict], reached: list[Ratio]) -> None:
    """Print what was measured, what is not available and why, and the ratios."""
    console.print(_results_table(case, results))
    missing: dict[str, list[str]] = {}
    for name, result in results.items():
        if "unavailable" in result:
            missing.setdefault(result["unavailable"], []).append(name)
    for reason, names in missing.items():
        console.print(f"not available: {'; '.join(names)}: {reason}", style="dim")
    if reached:
        console.print(_targets_table(case, reached))


def _results_table(case: Case, results: dict[str, dict]) -> Table:
    """Best times and peaks by contender."""
    title = f"T={case.queries} S={case.keys} window={case.window}"
    title += f" B={case.batch} H={case.heads} D={case.head_dim}"
    table = Table("", title=title, title_justify="left")
    for heading in ("forward ms", "fwd+bwd ms", "forward MiB", "fwd+bwd MiB", "bins apart"):
        table.add_column(heading, justify="right")
    for name, result in results.items():
        if "unavailable" not in result:
            table.add_row(name, *(_shown(result, measure) for measure in MEASURES), _apart(result))
    return table


def _shown(result: dict, measure: str) -> str:
    value = number(result, measure)
    if value is None:
        return ""
    return f"{value:.1f}" if measure.endswith("MiB") else f"{1e3 * value:.3g}"


def _apart(result: dict) -> str:
    share = result.get("bins_apart")
    return "" if share is None else f"{share:.1g}"


def _targets_table(case: Case, reached: list[Ratio]) -> Table:
    """Ratios by contender: what dense masks take of what it takes, and what it takes of softmax."""
    table = Table("", title=f"{case.name}: ratios, with what is asked", title_justify="left")
    columns = list(dict.fromkeys((ratio.measure, ratio.baseline) for ratio in reached))
    columns.sort(key=lambda column: list(MEASURES).index(column[0]))
    for measure, baseline in columns:
        quotient = f"{baseline} / it" if baseline == DENSE else f"it / {baseline}"
        table.add_column(f"{MEASURES[measure][1]}\n{quotient}")
    for name in dict.fromkeys(ratio.contender for ratio in reached):
        cells = {(r.measure, r.baseline): _mark(r) for r in reached if r.contender == name}
        table.add_row(name, *(cells.get(column, "") for column in columns))
    return table


def _mark(ratio: Ratio) -> str:
    value = f"{ratio.value:.3g}"
    if ratio.limit is None:
        return value
    sign = "≥" if ratio.baseline == DENSE else "≤"
    colour, mark = ("green", "✓") if ratio.met else ("red", "✗")
    return f"[{colour}]{value} {mark}[/] {sign} {ratio.limit:g}"


def scaling_table(rows: list[dict]) -> Table:
    """Forward time for each token, and for each (query, key) pair inside the window, against T."""
    names = list(dict.fromkeys(name for row in rows for name in row["contenders"]))
    table = Table("forward", title="Window 1024: µs/token (ns/pair)", title_justify="left")
    for row in rows:
        table.add_column(f"T={row['tokens']:,}", justify="right")
    for name in names:
        table.add_row(name, *(_per_token(row, name) for row in rows))
    return table


def _per_token(row: dict, name: str) -> str:
    seconds = number(row["contenders"].get(name, {}), "forward")
    if seconds is None:
        return ""
    return f"{1e6 * seconds / row['tokens']:.1f} ({1e9 * seconds / row['pairs']:.1f})"


def plot_scaling(rows: list[dict], conditions: dict, path: Path) -> None:
    """Draw time per token against T, forward (full) and forward + backward (dashed), as PNG or PDF."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4), layout="constrained")
    axes = figure.subplots()
    for index, name in enumerate(dict.fromkeys(name for row in rows for name in row["contenders"])):
        for measure, line in (("forward", "-"), ("training", "--")):
            found = [(row["tokens"], number(row["contenders"].get(name, {}), measure)) for row in rows]
            points = [(tokens, 1e6 * seconds / tokens) for tokens, seconds in found if seconds]
            label = name if measure == "forward" else None
            if points:
                axes.plot(*zip(*points, strict=True), line, marker="o", ms=3, color=f"C{index}", label=label)
    axes.set(xscale="log", yscale="log", xlabel="tokens", ylabel="time / (µs/token)")
    axes.set_xticks([row["tokens"] for row in rows], [f"{row['tokens']:,}" for row in rows])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    figure.legend(fontsize="small", loc="outside right upper")
    where = conditions.get("card") or f"{conditions['processor']}, {conditions['threads']} thread(s)"
    axes.set_title(f"Window 1024, full: forward, dashed: with backward\n{where}", fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
