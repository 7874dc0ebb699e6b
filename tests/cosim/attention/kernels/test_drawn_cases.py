"""Drawn operations on every circuit of the shipped hardware, against the reference: a few, and 1,000 in all.

A case that fails fails: no other seed is tried.
"""

import pytest
from hypothesis import HealthCheck, given, settings

from .cases import cases, check_bins, check_values

DRAWN = {"deadline": None, "derandomize": True, "suppress_health_check": [HealthCheck.too_slow]}


def check(case, fast: str) -> None:
    if fast == "triton":
        pytest.skip("its interpreter takes hours; test_triton.py has its cases")
    check_values(case, fast)
    check_bins(case, fast)


@settings(max_examples=20, **DRAWN)
@given(case=cases())
def test_some_drawn_cases(fast, case):
    check(case, fast)


@pytest.mark.slow
@settings(max_examples=500, **DRAWN)
@given(case=cases())
def test_many_drawn_cases(fast, case):
    """500 for each of the two back ends for CPUs."""
    check(case, fast)
