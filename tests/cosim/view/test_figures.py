"""Figures as values: prefixes, what both renderers draw, and that the page needs nothing else."""

import numpy as np
import pytest

from gaincell.circuits.errors import PlanError
from gaincell.cosim.view.figures import (
    Area,
    Bar,
    Bars,
    ErrorBars,
    Figure,
    HeatMap,
    Note,
    Panel,
    PlotAxis,
    Rule,
    Separator,
    Series,
    Span,
    bar_chart,
    static,
    write_figure,
)
from gaincell.cosim.view.figures.axes import axis_scale, log_ticks
from gaincell.cosim.view.figures.units import quantities, quantity, scale_of

X = np.linspace(0, 15e-9, 31)
WIDTH = PlotAxis("width", "s")


@pytest.fixture
def figure():
    upper = Panel(
        WIDTH,
        PlotAxis("charge", "C"),
        (
            Series(X, 2e-6 * X, "simulated", mark="points"),
            Series(X, 2.1e-6 * X, "fit", "#1f6f9f", dashed=True),
        ),
    )
    error = Series(X, 0.01 * np.sin(X * 1e9), "fit")
    lower = Panel(WIDTH, PlotAxis("error", "%"), (error, Rule(0.005)), height=0.5)
    spans = (Span(0, 5e-9, "early"),)
    return Figure("f", "A figure", (upper, lower), share_x=True, caption="Caption", spans=spans)


@pytest.fixture
def bars():
    energies = (Bar("a", 2e-9, "x"), Bar("b", 3e-3, "y"))
    return bar_chart("b", "Bars", PlotAxis("energy", "J", log=True), energies)


@pytest.fixture
def grid():
    """Every kind of layer, in a grid whose last row is not full."""
    ones = np.ones(2)
    names = tuple(enumerate("pq"))
    stack = (
        Bars(np.arange(2), 3e-15 * ones, 0 * ones, "first", thickness=0.5),
        Bars(np.arange(2), 1e-15 * ones, 3e-15 * ones, "second", thickness=0.5),
    )
    texts = np.array([["low", "high"], ["empty", "middle"]])
    heat = HeatMap(
        np.array([[1e-12, 3e-12], [np.nan, 2e-12]]),
        (1e-12, 3e-12),
        texts=texts,
        bold=texts == "high",
        bar=PlotAxis("delay", "s"),
    )
    marks = (
        Area(np.array([0.0, 1, 1]), np.array([0.0, 0, 1])),
        ErrorBars(np.arange(2.0), ones, 0.5 * ones, "spread"),
        Rule(0.5, vertical=True),
        Note(0.2, 0.4, "a note"),
    )
    return Figure(
        "g",
        "A grid",
        (
            Panel(PlotAxis("", ticks=names), PlotAxis("energy", "J"), stack, "Stacked", legend="upper left"),
            Panel(PlotAxis("x", ticks=names), PlotAxis("y", reversed=True), (heat, Separator(0.5)), "Map"),
            Panel(PlotAxis("x"), PlotAxis("y"), marks),
        ),
        columns=2,
    )


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (6.15e-9, "J", "6.15 nJ"),
        (0.9, "V", "0.900 V"),
        (0.00421, "%", "0.421 %"),
        (-60e-15, "C", "−60.0 fC"),
        (27, "°C", "27.0 °C"),
        (None, "J", "–"),
        (float("nan"), "J", "–"),
        (0.0, "V", "0 V"),
    ],
)
def test_numbers_get_the_prefix_a_reader_expects(value, unit, text):
    assert quantity(value, unit) == text


def test_values_of_one_kind_share_a_prefix():
    assert quantities([0.0, 0.3, 0.9], "V") == ["0 V", "0.3 V", "0.9 V"]
    assert scale_of("s", 15e-9).unit == "ns"


def test_a_linear_axis_is_scaled_and_a_logarithmic_one_is_not(figure):
    assert figure.x_of(figure.panels[0])[1].unit == "ns"
    assert axis_scale(PlotAxis("energy", "J", log=True), [1e-9]).factor == 1


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_files_are_the_same_for_the_same_figure(figure, bars, grid, suffix):
    for drawn in (figure, bars, grid):
        assert static.render(drawn, suffix) == static.render(drawn, suffix)


def test_the_interactive_figure_has_the_data_in_display_units(figure, bars):
    interactive = pytest.importorskip("gaincell.cosim.view.figures.interactive")
    pytest.importorskip("plotly")
    drawn = interactive.draw(figure)
    simulated, fit, error = drawn.data
    assert (simulated.mode, fit.mode, fit.line.dash) == ("markers", "lines", "dash")
    np.testing.assert_allclose(simulated.x[-1], 15.0, rtol=1e-6)
    np.testing.assert_allclose(simulated.y[-1], 30.0, rtol=1e-6)
    assert drawn.layout.yaxis.title.text == "charge (fC)"
    assert drawn.layout.yaxis2.title.text == "error (%)"
    assert (error.showlegend, fit.showlegend) == (False, True)
    assert interactive.draw(bars).layout.xaxis.type == "log"


def test_every_layer_is_drawn_both_ways(grid):
    (svg,) = static.render(grid, "svg")
    text = svg.decode()
    for word in ("Stacked", "energy (fJ)", "second", "high", "delay (ps)", "spread", "a note"):
        assert word in text
    interactive = pytest.importorskip("gaincell.cosim.view.figures.interactive")
    pytest.importorskip("plotly")
    drawn = interactive.draw(grid)
    assert [t.type for t in drawn.data] == ["bar", "bar", *["heatmap", "scatter"], *["scatter"] * 3]
    np.testing.assert_allclose(np.array(drawn.data[1].base, float), [3, 3])
    np.testing.assert_allclose(np.array(drawn.data[2].z[0], float), [1, 3])
    assert list(drawn.data[3].text) == ["low", "<b>high</b>", "empty", "middle"]
    assert drawn.layout.yaxis2.autorange == "reversed"
    assert [shape.type for shape in drawn.layout.shapes] == ["line", "line"]
    assert drawn.layout.xaxis.domain[1] < drawn.layout.xaxis2.domain[0]
    assert drawn.layout.yaxis3.domain[1] < drawn.layout.yaxis.domain[0]


def test_labels_of_a_column_with_one_x_axis_stand_in_one_legend(figure):
    (svg,) = static.render(figure, "svg")
    assert svg.decode().count(">fit<") == 1


def test_one_call_writes_every_format(grid, tmp_path):
    pytest.importorskip("plotly")
    files = [tmp_path / f"g.{suffix}" for suffix in ("png", "pdf", "svg", "html")]
    write_figure(grid, *files, subtitle="where")
    starts = (b"\x89PNG", b"%PDF", b"<?xml", b"<!DOCTYPE html>")
    assert all(file.read_bytes().startswith(start) for file, start in zip(files, starts, strict=True))
    assert "A grid" in files[3].read_text() and "where" in files[3].read_text()
    with pytest.raises(PlanError, match="one of .png, .pdf, .svg, .html"):
        write_figure(grid, tmp_path / "g.gif")


def test_a_panel_with_a_title_and_a_legend_above_is_refused():
    with pytest.raises(ValueError, match="legend must be inside"):
        Panel(WIDTH, PlotAxis("charge", "C"), (Series(X, X, "named"),), "Title")


@pytest.mark.parametrize(
    ("unit", "ends", "texts"),
    [
        ("J", (1e-9, 1e-6), ["1 nJ", "10 nJ", "100 nJ", "1 µJ"]),
        ("V", (4e-4, 5e-3), ["0.5 mV", "1 mV", "2 mV", "5 mV"]),
        ("s", (1e-6, 1e3), ["10⁻⁶ s", "10⁻³ s", "10⁰ s", "10³ s"]),
        ("", (1e-5, 1e-2), ["10⁻⁵", "10⁻⁴", "10⁻³", "10⁻²"]),
        ("", (3.0, 300.0), ["5", "10", "20", "50", "100", "200"]),
    ],
)
def test_ticks_of_a_logarithmic_axis(unit, ends, texts):
    assert [text for _, text in log_ticks(PlotAxis("", unit, log=True), ends)] == texts


def test_a_page_needs_no_network(figure):
    pytest.importorskip("plotly")
    from gaincell.cosim.view.figures.interactive import script
    from gaincell.cosim.view.figures.page import page, plot, table

    text = page("T <1>", "sub", plot(figure) + table(["a"], [["<b>x</b>"], ["y & z"]]), script())
    assert "T &lt;1&gt;" in text
    assert "y &amp; z" in text
    body = text[: text.index("<script>")] + text[text.index("<body>") :]
    assert "http" not in body.replace("http://www.w3.org", "").replace("https://plot.ly", "")


def test_an_axis_holds_what_can_be_drawn_on_it():
    x, y = np.array([0.0, 1e-3, 1.0]), np.array([np.nan, np.inf, 2.0])
    panel = Panel(PlotAxis("x", "s", log=True), PlotAxis("y"), (Series(x, y),))
    assert panel.x_ends == (1e-3, 1.0)
    assert panel.y_ends == (2.0, 2.0)
    nothing = Panel(PlotAxis("x", "s", log=True), PlotAxis("y", log=True), (Series(x[:0], y[:0]),))
    assert static.render(Figure("n", "Empty", (nothing, panel)), "png")[0].startswith(b"\x89PNG")
