"""Reference implementation against the published equations, as loops in NumPy."""

import math

import numpy as np
import pytest
import torch

from gaincell.cosim import Effects, gain_cell_attention
from gaincell.models.published import CELL_COEFFICIENTS


def cell(deviation):
    """Charge of a full pulse: sum_ij C_ij x^i V_in^j at V_in = 0.9 V."""
    return sum(
        c * deviation**i * 0.9**j for i, row in enumerate(CELL_COEFFICIENTS) for j, c in enumerate(row)
    )


def anchored(x, low, high, levels):
    step = (high - low) / (levels - 1)
    return low + round((x - low) / step) * step


def sign_and_magnitude(y, levels):
    steps = levels // 2 - 1
    return math.copysign(round(abs(y) * steps) / steps, y)


def published_attention(q, k, v, *, window, columns, saturation, quantise, decay):
    """Output (T, D) of one head for q, k, v (T, D), with loops over keys, sub-tiles and elements."""
    length, depth = q.shape
    out = np.zeros((length, depth))
    for t in range(length):
        sums = {}
        for s in range(max(0, t - window + 1), t + 1):
            shrink = math.exp(-decay * (t - s))
            total = 0.0
            for d in range(depth):
                width = min(max(q[t, d], 0.0), 1.0)
                volts = min(max(k[s, d], 0.0), 0.9)
                if quantise:
                    width, volts = anchored(width, 0.0, 1.0, 16), anchored(volts, 0.0, 0.9, 8)
                total += width * cell((volts - 0.45) * shrink)
            phi = min(max(total / saturation[0], 0.0), 1.0)
            row = sums.setdefault((s % window) // columns, np.zeros(depth))
            for d in range(depth):
                volts = min(max(v[s, d], 0.0), 0.9)
                if quantise:
                    volts = anchored(volts, 0.0, 0.9, 8)
                row[d] += phi * cell((volts - 0.45) * shrink)
        for row in sums.values():
            for d in range(depth):
                y = min(max(row[d] / saturation[1], -1.0), 1.0)
                out[t, d] += sign_and_magnitude(y, 32) if quantise else y
    return out


CASES = [
    # T, D, window, columns, saturation
    (24, 64, 1024, 64, (80.0, 40.0)),  # the published sizes
    (90, 3, 1024, 64, (4.0, 20.0)),  # a second sub-tile
    (90, 3, 70, 64, (4.0, 20.0)),  # the ring wraps inside the second sub-tile
    (40, 4, 12, 5, (6.0, 8.0)),  # a window that is no multiple of the sub-tile
    (20, 4, 3, 8, (6.0, 8.0)),  # a window below one sub-tile
    (1, 4, 3, 8, (6.0, 8.0)),
]


@pytest.mark.parametrize(("length", "depth", "window", "columns", "saturation"), CASES)
@pytest.mark.parametrize("quantise", [False, True])
@pytest.mark.parametrize("decay", [0.0, 1.6e-4, 0.02])
def test_output_equals_the_published_equations(
    leroux, length, depth, window, columns, saturation, quantise, decay
):
    hardware = leroux.model_copy(
        update={
            "columns": columns,
            "q_sat_1": saturation[0],
            "q_sat_2": saturation[1],
            "decay_per_token": decay or None,
        }
    )
    rng = np.random.default_rng(length + depth)
    q, k, v = rng.uniform(-0.2, 1.2, (length, depth)), *rng.uniform(-0.1, 1.0, (2, length, depth))
    expected = published_attention(
        q, k, v, window=window, columns=columns, saturation=saturation, quantise=quantise, decay=decay
    )
    effects = Effects() if quantise else Effects().without("quantise")
    tensors = [torch.tensor(x)[None, None] for x in (q, k, v)]
    result = gain_cell_attention(*tensors, hardware, window=window, effects=effects)[0, 0].numpy()
    np.testing.assert_allclose(result, expected, rtol=1e-10, atol=1e-12)
    # In float32 a sum can round to the neighbouring counter level, in less than 1 % of the elements.
    single = gain_cell_attention(*(x.float() for x in tensors), hardware, window=window, effects=effects)
    far = np.abs(single[0, 0].numpy() - expected) > 1e-4
    assert far.mean() < (0.01 if quantise else 1e-9)


def test_heads_and_sequences_are_independent(leroux):
    q, k, v = torch.rand(3, 2, 3, 20, 8, dtype=torch.float64)
    whole = gain_cell_attention(q, k * 0.9, v * 0.9, leroux, window=6)
    for b in range(2):
        for h in range(3):
            one = (slice(b, b + 1), slice(h, h + 1))
            alone = gain_cell_attention(q[one], k[one] * 0.9, v[one] * 0.9, leroux, window=6)
            torch.testing.assert_close(whole[one], alone, rtol=1e-12, atol=1e-14)


def test_without_effects_cell_curve_saturation_and_clip_remain(leroux):
    q, k, v = torch.rand(3, 1, 1, 12, 4, dtype=torch.float64)
    hardware = leroux.model_copy(update={"q_sat_1": 6.0, "q_sat_2": 8.0, "columns": 5})
    expected = published_attention(
        *(x[0, 0].numpy() for x in (q, k, v)),
        window=12,
        columns=5,
        saturation=(6.0, 8.0),
        quantise=False,
        decay=0.0,
    )
    result = gain_cell_attention(q, k, v, hardware, window=12, effects=Effects.none())
    np.testing.assert_allclose(result[0, 0].numpy(), expected, rtol=1e-10, atol=1e-12)
