"""The sequencer's dump has the edges of the Python model."""

import shutil

import numpy as np
import pytest

from gaincell.circuits.designs import Designs
from gaincell.circuits.digital import Periphery, Sequence
from gaincell.circuits.digital.waves import sequencer_dump, traces


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is not installed")
def test_dump_of_the_sequencer_has_every_line_with_its_edges():
    sequence = Sequence.of(Designs())
    found = traces(sequencer_dump(Periphery(Designs(), window=64)))
    assert list(found) == ["clk", *sequence.lines]
    start = min(times[levels == 1].min() for name, (times, levels) in found.items() if name != "clk")
    for name, (rise, fall) in sequence.lines.items():
        times, levels = found[name]
        edges = [times[levels == 1][0], times[np.flatnonzero(levels == 1)[0] + 1]]
        np.testing.assert_allclose(edges, start + sequence.half * np.array([rise, fall]), atol=1e-15)


def test_other_texts_are_refused():
    with pytest.raises(ValueError, match="no value change dump"):
        traces("$enddefinitions $end\n#0\n")
