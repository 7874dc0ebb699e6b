"""Read disturb: an example of an effect that is a decay factor."""

import torch

from gaincell.cosim.attention import stages

SHARE = 2e-3
"""Share of a stored deviation that one read removes. Every token reads all keys: once per token."""

aged_terms = stages.aged_terms


def disturbed_terms(volts, ages, op):
    """Terms of the cells' charge with read disturb; arguments and result as `stages.aged_terms`."""
    left = torch.exp(-SHARE * ages)
    # The response that does not age is the one to the voltage at which nothing is lost.
    return [
        (response, None if factor is None else factor * left)
        for response, factor in aged_terms(volts, ages, op)
    ]
