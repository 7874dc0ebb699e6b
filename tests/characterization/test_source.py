"""Fingerprints of measuring code change with everything that can change a value, and only with that."""

import importlib
import sys
import textwrap

import pytest

from gaincell.characterization import source
from gaincell.characterization.source import modules

ORIGINAL = '''
"""Docstring."""
class Probe:
    """Another."""
    def points(self):
        return 1
    def measure(self):
        return helper() * 2  # a comment
def helper():
    return 3
'''


@pytest.fixture
def fingerprint_of(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))

    def of(text):
        (tmp_path / "probe_module.py").write_text(textwrap.dedent(text))
        sys.modules.pop("probe_module", None)
        importlib.invalidate_caches()
        source._digest.cache_clear()
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        return modules(importlib.import_module("probe_module").Probe())

    return of


@pytest.mark.parametrize(
    ("old", "new"),
    [('"""Docstring."""', '"""Changed."""'), ("  # a comment", ""), ("return 1", "return 100")],
)
def test_fingerprint_ignores_comments_docstrings_and_points(fingerprint_of, old, new):
    assert fingerprint_of(ORIGINAL.replace(old, new)) == fingerprint_of(ORIGINAL)


@pytest.mark.parametrize(("old", "new"), [("* 2", "* 4"), ("return 3", "return 5")])
def test_fingerprint_changes_with_measuring_code_and_its_helpers(fingerprint_of, old, new):
    assert fingerprint_of(ORIGINAL.replace(old, new)) != fingerprint_of(ORIGINAL)


def test_fingerprint_includes_the_waveform_reader_but_not_the_framework():
    probe = "gaincell.circuits.rawfile"
    importlib.import_module(probe)
    closure = source._closure("oracles")
    assert probe in closure
    assert "gaincell.characterization.plan" not in closure
