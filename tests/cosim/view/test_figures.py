"""Figures as values: prefixes, what both renderers draw, and that the page needs nothing else."""

import numpy as np
import pytest

from gaincell.cosim.view.figures import Bar, BarChart, Figure, Panel, PlotAxis, Rule, Series, Span, static
from gaincell.cosim.view.figures.units import quantities, quantity, scale_of
from gaincell.cosim.view.figures.values import axis_scale


@pytest.fixture
def figure():
    x = np.linspace(0, 15e-9, 31)
    upper = Panel(
        PlotAxis("charge", "C"),
        (
            Series(x, 2e-6 * x, "simulated", mark="points"),
            Series(x, 2.1e-6 * x, "fit", "#1f6f9f", dashed=True),
        ),
    )
    lower = Panel(PlotAxis("error", "%"), (Series(x, 0.01 * np.sin(x * 1e9), "fit"),), (Rule(0.005),), 0.5)
    return Figure(
        "f", "A figure", PlotAxis("width", "s"), (upper, lower), "Caption", (Span(0, 5e-9, "early"),)
    )


@pytest.fixture
def bars():
    return BarChart(
        "b", "Bars", PlotAxis("energy", "J", log=True), (Bar("a", 2e-9, "x"), Bar("b", 3e-3, "y"))
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
    assert figure.x_scale.unit == "ns"
    assert axis_scale(PlotAxis("energy", "J", log=True), [np.array([1e-9])]).factor == 1


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_files_are_the_same_for_the_same_figure(figure, bars, suffix):
    for drawn in (figure, bars):
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


def test_a_page_needs_no_network(figure):
    pytest.importorskip("plotly")
    from gaincell.cosim.view.figures.interactive import script
    from gaincell.cosim.view.figures.page import page, plot, table

    text = page("T <1>", "sub", plot(figure) + table(["a"], [["<b>x</b>"], ["y & z"]]), script())
    assert "T &lt;1&gt;" in text
    assert "y &amp; z" in text
    body = text[: text.index("<script>")] + text[text.index("<body>") :]
    assert "http" not in body.replace("http://www.w3.org", "").replace("https://plot.ly", "")
