"""Refreshes where a window outlives the retention."""

from dataclasses import replace

import pytest

from gaincell.cosim import account
from gaincell.cosim.ledger.ledger import RetentionMargin
from gaincell.cosim.ledger.refresh import BAND, refresh_entries


def at_need(ledger, times):
    return replace(ledger, retention=RetentionMargin(2e-3, times * 2e-3, 1.0))


def test_keys_are_written_again_once_per_begun_retention_time(full, traces_of):
    ledger = account(traces_of(full, window=8), full)
    once = ledger.stages()["writes"][0]
    for times, again in ((0.5, 0), (1.0, 0), (1.01, 1), (2.5, 2)):
        entries = refresh_entries(at_need(ledger, times), full)
        assert sum(entry.energy_J for entry in entries) == pytest.approx(4 * again * once)
        assert {(entry.origin, entry.band) for entry in entries} <= {("estimate", BAND)}


def test_hardware_without_retention_has_no_refresh(full, traces_of):
    ledger = account(traces_of(full, window=8), full)
    assert refresh_entries(replace(ledger, retention=None), full) == ()
