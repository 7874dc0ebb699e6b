"""Three powers as two, for gradients: what is left out is little, and charges leave out nothing."""

import pytest
import torch

from gaincell.cosim.attention.kernels.torch.merging import LONGEST, SHORTEST, TOLERANCE, merging_of
from gaincell.cosim.attention.kernels.torch.tiling import blocks_of, reach_of, stretches_of

from .cases import CIRCUITS, Case, close


@pytest.fixture(scope="module")
def published():
    return CIRCUITS["published"]


def parts(hardware, merging, x, start):
    """Charge of the second power at the ages of a stretch, and what two powers bear of it, for deviations x
    of keys of various age."""
    rate = hardware.decay_per_token
    first, _, last = merging.coefficients
    query = start + torch.arange(merging.rows, dtype=torch.float64)[:, None]
    key = torch.linspace(start - 900, start, len(x), dtype=torch.float64)
    square = torch.exp(2 * rate * key) * x**2
    by_first, by_last = merging.borne(torch.tensor(start, dtype=torch.float64))
    decay = torch.exp(-rate * query)
    second = merging.coefficients[1] * torch.exp(-2 * rate * (query - key)) * x**2
    return second, (first * by_first * decay + last * by_last * decay**3) * square, square, query


@pytest.mark.parametrize("start", [0.0, 256.0, -4000.0])
def test_what_the_others_do_not_bear_is_little_and_known(published, start):
    merging = merging_of(published, 1000)
    assert merging.rows == LONGEST
    reach = published.v_max - published.transfer.center
    x = torch.linspace(-reach, reach, 101, dtype=torch.float64)
    second, borne, square, query = parts(published, merging, x, start)
    largest = float(published.transfer(torch.tensor(published.v_max)))
    assert 0 < (second - borne).abs().max() <= TOLERANCE * largest
    remainder = merging.remainder(query, torch.full_like(query, start))
    torch.testing.assert_close(borne + remainder * square, second, rtol=0, atol=1e-13 * largest)


def test_the_faster_cells_forget_the_shorter_stretches_are(published):
    slow, rows = published.decay_per_token, []
    for faster in (1, 2, 4, 8):
        fast = published.model_copy(update={"decay_per_token": faster * slow})
        merging = merging_of(fast, 10_000)
        rows.append(0 if merging is None else merging.rows)
    assert rows == sorted(rows, reverse=True)
    assert rows[0] == LONGEST and SHORTEST in rows and rows[-1] == 0


def test_few_queries_take_a_stretch_of_their_own(published):
    assert [merging_of(published, n).rows for n in (1, 64, 65, 200, 256)] == [64, 64, 128, 256, 256]


def test_only_a_cubic_that_decays_is_merged(published):
    assert merging_of(published.with_cell("linear"), 100) is None
    assert merging_of(published.model_copy(update={"decay_per_token": None}), 100) is None
    assert merging_of(CIRCUITS["fitted"], 100) is None


@pytest.mark.parametrize(
    "case",
    [
        Case("published", queries=530, keys=530, depth=64),
        Case("published", queries=300, keys=700, window=150, key_start=900),
        Case("published", queries=270, keys=270, heads=(4, 2), batch=2, window=100),
        Case("published", queries=270, keys=270, dtype=torch.bfloat16),
        Case("published", queries=300, keys=300, gradient="fixed-slope"),
        Case("small sub-tiles", queries=300, keys=300, window=77),
        Case("published", queries=300, keys=300, heads=(16, 2)),
        Case("published", batch=6, queries=300, keys=300, padding=40, gradient="fixed-slope"),
        Case("bent line", queries=700, keys=700, gradient="fixed-slope"),
    ],
    ids=lambda case: f"{case.circuit}-{case.queries}-{case.window}-{case.gradient}",
)
def test_gradients_of_several_stretches_agree_with_the_reference(case):
    out, gradients = case.run("torch")
    expected, slopes = case.run("reference", dtype=torch.float64)
    assert close(out, expected, 1e-5, case.dtype).all()
    for found, slope in zip(gradients, slopes, strict=True):
        assert close(found, slope, 1e-4, case.dtype).all()


@pytest.mark.parametrize("window", [None, 100])
def test_stretches_have_all_blocks_and_none_has_rows_of_two(window):
    where = {"key_start": 30, "window": window, "columns": 64, "most_rows": 128}
    blocks = blocks_of(500, 600, **where)
    stretches = stretches_of(blocks, 128)
    assert sorted((b for own in stretches for b in own), key=repr) == sorted(blocks, key=repr)
    assert len(stretches) == 4
    for i, own in enumerate(stretches):
        assert all(128 * i <= block.rows[0] < block.rows[1] <= 128 * (i + 1) for block in own)
        first, end = reach_of(own)
        # The newest key is the last query's own, the oldest what the first one sees; runs are taken whole.
        newest, oldest = min(100 + 128 * (i + 1), 600), 100 + 128 * i + 1 - (window or 600)
        assert newest <= end < newest + 64
        assert first == 0 or oldest - 64 < first <= oldest
