"""Accelerator of library components: its counts, refusals, and the library where it is installed."""

import json
import sys

import pytest
from hwcomponents_python import library_python

from gaincell.circuits.errors import HostError
from gaincell.cosim.ledger.accelerator import Accelerator, LibraryHost
from gaincell.cosim.ledger.host import Work

NO_COST = dict.fromkeys(("mac_J", "mac_W", "buffer_read_J", "buffer_write_J", "buffer_W", "memory_J"), 0.0)
WORK = Work(
    *("w",),
    layers=3,
    heads=4,
    kv_heads=2,
    head_dim=16,
    matrices={(100, 40): 2},
    embedded=5,
    vocabulary=9,
)


def host(**costs) -> LibraryHost:
    """An accelerator of 32 x 32 with stated costs of its parts."""
    made = LibraryHost(Accelerator(array=32, bandwidth=1e3))
    made.__dict__["parts"] = NO_COST | costs
    return made


def test_every_weight_is_multiplied_and_read_once():
    assert host(mac_J=1.0).rest(WORK).joules == 2 * 100 * 40 + 9
    assert host(memory_J=1.0).rest(WORK).joules == 2 * 100 * 40 + 5


def test_buffer_passes_weights_inputs_and_partial_sums():
    # 40 inputs for 4 blocks of outputs; 100 results, and one more row of blocks with sums of four bytes.
    inputs, sums = 4 * 40, 100 * (1 + 4)
    assert host(buffer_read_J=1.0).rest(WORK).joules == 8005 + 2 * (inputs + sums) + 9
    assert host(buffer_write_J=1.0).rest(WORK).joules == 8005 + 2 * sums + 9


def test_query_heads_of_a_group_share_what_is_read_from_memory():
    keys = 64
    assert host(memory_J=1.0).attention(WORK, keys).joules == 3 * 2 * 2 * keys * 16
    assert host(mac_J=1.0).attention(WORK, keys).joules == 3 * 4 * 2 * keys * 16
    # Scores of 64 keys from 16 inputs in two blocks; 16 sums over two rows of blocks.
    inputs, sums = 2 * 16 + 64, 64 + 16 * 5
    products = 3 * 4 * 2 * keys * 16
    assert host(buffer_read_J=1.0).attention(WORK, keys).joules == products + 12 * (inputs + sums)


def test_leakage_lasts_as_long_as_the_memory_needs():
    cost = host(mac_W=1.0, buffer_W=6.0).rest(WORK)
    assert cost.seconds == pytest.approx(8005 / 1e3)
    assert cost.joules == pytest.approx((32 * 32 + 6) * cost.seconds)


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"width": 3.0}, "no size 'width'; there are node, array"),
        ({"memory": "HBM9"}, "'HBM9' is none of HBM2"),
        ({"memory": 3.0}, "not of the kind of 'HBM2'"),
        ({"array": 2.5}, "array=2.5 must be a whole number"),
        ({"node": 1e-6}, "not from 7n to 130n"),
        ({"buffer": 100.0}, "no multiple of line=64"),
        ({"bandwidth": 0.0}, "above 0 bytes"),
    ],
)
def test_sizes_that_make_no_accelerator_are_refused(sizes, said):
    with pytest.raises(HostError, match=said):
        Accelerator.of(sizes)


def answering(tmp_path, text: str) -> str:
    """An interpreter that prints a text instead of running anything."""
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\ncat <<'E'\n{text}\nE\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            json.dumps({"error": "import", "detail": "hwcomponents_cacti"}),
            "lacks hwcomponents_cacti; install",
        ),
        (json.dumps({"error": "CACTI", "detail": "exit code 1"}), "make -B opt"),
        (json.dumps({"error": "library", "detail": "KeyError: 1"}), "hwcomponents failed: KeyError"),
        ("no JSON", "did not answer about hwcomponents"),
    ],
)
def test_library_that_fails_is_one_sentence(tmp_path, text, said):
    with pytest.raises(HostError, match=said):
        LibraryHost(python=answering(tmp_path, text)).rest(WORK)


def test_interpreter_that_is_missing_is_one_sentence(tmp_path):
    with pytest.raises(HostError, match="--host-python"):
        LibraryHost(python=str(tmp_path / "none")).rest(WORK)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python may have hwcomponents")
def test_python_without_the_library_is_told_what_to_install():
    with pytest.raises(HostError, match="install hwcomponents-library"):
        LibraryHost().rest(WORK)


def test_library_prices_parts_in_order():
    found = LibraryHost(Accelerator(), library_python()).parts
    # A byte from a stack of DRAM costs more than one from the buffer, and that more than a multiplication.
    assert found["memory_J"] > 5 * found["buffer_read_J"] > 5 * found["mac_J"] > 5e-14
    small = LibraryHost(Accelerator(node=22e-9, buffer=64 * 1024), library_python()).parts
    assert small["mac_J"] < found["mac_J"] and small["buffer_read_J"] < 0.5 * found["buffer_read_J"]
