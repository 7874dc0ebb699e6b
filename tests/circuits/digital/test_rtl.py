"""The Verilog blocks in Icarus against the Python models, with random numbers and the corner cases."""

import shutil

import numpy as np
import pytest

from gaincell.circuits.designs import TWO_PHASES, Designs
from gaincell.circuits.digital import Periphery, blocks, simulate
from gaincell.circuits.digital.arithmetic import accumulated, counted, divided, ring_place, scaled
from gaincell.circuits.digital.drive import (
    accumulations,
    conversions,
    divisions,
    gray,
    pulse_levels,
    query_pulses,
    ring_places,
    scalings,
    sequence_words,
    sequences,
    writes,
)

pytestmark = pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")


def designs(**updates):
    """Default designs with the fields of some parts replaced."""
    default = Designs()
    return default.model_copy(
        update={name: getattr(default, name).model_copy(update=fields) for name, fields in updates.items()}
    )


SCHEMES = {
    "unsigned": designs(),
    "two-phase": designs(converter=TWO_PHASES),
    "mirrored": designs(array={"mirrored": True}),
    "11 levels": designs(levels={"query": 11, "output": 12}),
}


@pytest.mark.parametrize("form", ["pulse_generators_counters", "pulse_generators_gray"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_pulses_are_as_long_as_the_levels(scheme, form):
    periphery = Periphery(SCHEMES[scheme], depth=12)
    rng = np.random.default_rng(1)
    lowest = -periphery.steps if scheme in ("two-phase", "mirrored") else 0
    levels = rng.integers(lowest, periphery.steps + 1, (20, 12))
    levels[0], levels[1], levels[2] = 0, periphery.steps, lowest
    drive = query_pulses(blocks(periphery)[form], periphery, levels)
    found = pulse_levels(drive, simulate(drive.block, drive.stimuli), periphery)
    assert (found == levels).all()


@pytest.mark.parametrize("form", ["pulse_generators_counters", "pulse_generators_gray"])
def test_pulses_of_all_rows_begin_together(form):
    periphery = Periphery(Designs(), depth=15)
    levels = np.arange(1, 16)[None]
    drive = query_pulses(blocks(periphery)[form], periphery, levels)
    rows = drive.results(simulate(drive.block, drive.stimuli), "row")
    begins = rows.index(2**15 - 1)
    assert set(rows[:begins]) <= {None, 0}
    assert [bin(row).count("1") for row in rows[begins : begins + 16]] == list(range(15, -1, -1))


@pytest.mark.parametrize("form", ["readout_counters", "readout_gray"])
@pytest.mark.parametrize("levels", [32, 20])
def test_counters_round_pulses_to_the_nearest_magnitude(levels, form):
    periphery = Periphery(designs(levels={"output": levels}), depth=16)
    rng = np.random.default_rng(2)
    widths = rng.uniform(-1, 1, (30, 16))
    steps = periphery.counts
    widths[0, :2], widths[1, 0] = (0.0, 1.0), 1e-6
    widths[2, :4] = np.array([0.499, 0.501, steps - 0.501, steps - 0.499]) / steps
    drive = conversions(blocks(periphery)[form], periphery, widths)
    words = drive.results(simulate(drive.block, drive.stimuli), "magnitude")
    bits = len(bin(steps)) - 2
    found = [[word >> (i * bits) & (2**bits - 1) for i in range(16)] for word in words]
    code = gray if form == "readout_gray" else np.asarray
    assert (found == code(np.array([[counted(width, steps) for width in row] for row in widths]))).all()
    assert (found == code(np.rint(np.abs(widths) * steps).astype(int))).all()


@pytest.mark.parametrize("window", [64, 700, 1024])
def test_accumulator_adds_the_active_sub_tiles(window):
    periphery = Periphery(Designs(), window=window)
    rng = np.random.default_rng(3)
    shape = (40, periphery.tiles)
    counts, negative = rng.integers(0, periphery.counts + 1, shape), rng.random(shape) < 0.5
    active = rng.random(shape) < 0.7
    counts[0], negative[0], active[0] = periphery.counts, True, True
    counts[1], negative[1], active[1] = periphery.counts, False, True
    counts[2], negative[2] = 0, True
    drive = accumulations(blocks(periphery)["tile_accumulator"], periphery, counts, negative, active)
    found = drive.results(simulate(drive.block, drive.stimuli), "sum")
    assert found == [accumulated(*row) for row in zip(counts, negative, active, strict=True)]


def test_divider_divides_by_at_least_half_a_count():
    periphery = Periphery(designs(array={"normaliser": 0.9}), window=1024)
    rng = np.random.default_rng(4)
    largest = periphery.counts * periphery.tiles
    numerators, denominators = rng.integers(-largest, largest + 1, (2, 60))
    numerators[:4], denominators[:4] = (largest, -largest, 0, 1), (0, 1, -5, largest)
    drive = divisions(blocks(periphery)["divider"], periphery, numerators, denominators)
    found = drive.results(simulate(drive.block, drive.stimuli), "quotient")
    expected = [
        divided(int(n), int(d), periphery.fraction) for n, d in zip(numerators, denominators, strict=True)
    ]
    assert found == expected
    exact = numerators / np.maximum(denominators, 0.5)
    assert np.abs(np.array(found) / 2**periphery.fraction - exact).max() < 2.0**-periphery.fraction


@pytest.mark.parametrize("name", ["query_scaler", "key_scaler", "value_scaler", "output_scaler"])
@pytest.mark.parametrize("word", [6, 8, 10])
def test_scalers_round_and_clip(name, word):
    periphery = Periphery(Designs(), word=word)
    block = blocks(periphery)[name]
    rng = np.random.default_rng(5)
    limits = {port: 2 ** (block.inputs[port] - 1) for port in ("x", "a", "b")}
    x, a, b = (rng.integers(-limit, limit, 300) for limit in limits.values())
    fraction = block.parameters["FRACTION"]
    b[:150] = (rng.integers(-4, 20, 150) << fraction) // 2 - x[:150] * a[:150]  # ties
    b = np.clip(b, -limits["b"], limits["b"] - 1)
    x[0], a[0], b[0] = -limits["x"], -limits["a"], limits["b"] - 1
    drive = scalings(block, periphery, x, a, b)
    found = drive.results(simulate(block, drive.stimuli), "y")
    low, high = block.parameters["LOW"], block.parameters["HIGH"]
    assert found == [
        scaled(*row, fraction, low, high) for row in zip(*map(np.ndarray.tolist, (x, a, b)), strict=True)
    ]
    assert min(found) < low + 0.4 * (high - low) and max(found) > high - 0.4 * (high - low)
    if name != "output_scaler":
        assert {low, high} <= set(found)


def test_write_levels_select_one_switch():
    periphery = Periphery(Designs())
    drive = writes(
        blocks(periphery)["write_level_select"], periphery, {"level": np.arange(8)}, enable="enable"
    )
    responses = simulate(drive.block, drive.stimuli)
    assert drive.results(responses, "select") == [1 << level for level in range(8)]
    assert set(responses.values["select"][0::2]) == {0}


@pytest.mark.parametrize(("window", "columns"), [(40, 16), (64, 64), (10, 16), (33, 16)])
def test_ring_pointer_walks_through_the_ring(window, columns):
    periphery = Periphery(designs(array={"columns": columns}), window=window)
    tokens = 2 * window + 5
    made = blocks(periphery)
    drive = ring_places(made["ring_pointer"], periphery, tokens)
    responses = simulate(drive.block, drive.stimuli)
    places = list(zip(*(drive.results(responses, name) for name in ("tile", "column")), strict=True))
    assert places == [ring_place(token, window, columns) for token in range(tokens)]
    active = drive.results(responses, "active")
    for token, word in enumerate(active):
        held = {(key % window) // columns for key in range(max(0, token - window + 1), token + 1)}
        assert {tile for tile in range(periphery.tiles) if word >> tile & 1} == held
    values = {
        name: np.array(row) for name, row in zip(("tile", "column"), zip(*places, strict=True), strict=True)
    }
    decoder = writes(made["word_line_decoder"], periphery, values, enable="write")
    responses = simulate(decoder.block, decoder.stimuli)
    lines = decoder.results(responses, "word_line")
    assert lines == [1 << token % window for token in range(tokens)]
    assert set(responses.values["word_line"][0::2]) == {0}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_sequencer_makes_the_sequence(scheme):
    periphery = Periphery(SCHEMES[scheme])
    drive = sequences(blocks(periphery)["sequencer"], periphery, 2)
    responses = simulate(drive.block, drive.stimuli)
    assert drive.results(responses, "line") == sequence_words(periphery) * 2
    # After the reset, before the start.
    assert responses.values["line"][3:5] == [0, 0]
