import numpy as np
import pytest

from gaincell.cosim.network.die_statistics import explained_shares, wilson_interval

RNG = np.random.default_rng(0)
N, P, T = (RNG.standard_normal(4000) for _ in range(3))


@pytest.mark.parametrize(
    ("good", "count", "ends"),
    [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0.0, 0.1611)), (50, 50, (0.9287, 1))],
)
def test_wilson_interval_of_published_examples(good, count, ends):
    # First three: Newcombe 1998, Statistics in Medicine 17, table I, method 3.
    assert wilson_interval(good, count) == pytest.approx(ends, abs=5e-5)


def test_independent_parameters_explain_their_own_variance():
    loss = 2 * N + 1 * P**2
    shares = explained_shares({"n": N, "p": P, "temperature": T}, loss)
    total = 4 + 2
    assert shares["n"] == pytest.approx(4 / total, abs=0.04)
    assert shares["p"] == pytest.approx(2 / total, abs=0.04)
    assert shares["temperature"] == pytest.approx(0, abs=0.01)
    assert sum(shares.values()) == pytest.approx(1)


def test_a_product_is_shared_equally():
    shares = explained_shares({"n": N, "p": P, "temperature": T}, N * P)
    assert shares["n"] == pytest.approx(0.5, abs=0.02)
    assert shares["p"] == pytest.approx(0.5, abs=0.02)


def test_what_no_parameter_explains_is_left_out():
    shares = explained_shares({"n": N, "p": P}, N + RNG.standard_normal(4000))
    assert sum(shares.values()) == pytest.approx(0.5, abs=0.03)


def test_a_constant_parameter_explains_nothing():
    shares = explained_shares({"n": N, "temperature": np.full(4000, 27.0)}, N)
    assert shares == pytest.approx({"n": 1.0, "temperature": 0.0}, abs=1e-9)
