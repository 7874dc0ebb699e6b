"""The files of a library are those that ngspice opens, their copies work elsewhere, and none is code."""

import os
from pathlib import Path

import numpy as np
import pytest

from gaincell.circuits.errors import TechnologyError
from gaincell.circuits.library import copy_library, library_files
from gaincell.circuits.runner import Simulation, simulate
from gaincell.circuits.technology import Technology

FORMS = {
    "plain": (".include cards.inc", "cards.inc"),
    "quoted": ('.include "cards.inc"', "cards.inc"),
    "blank": ('.include "my cards.inc"', "my cards.inc"),
    "apostrophes": (".include 'my cards.inc'", "my cards.inc"),
    "apostrophe": ('.include "it\'s mine.inc"', "it's mine.inc"),
    "short": (".inc cards.inc", "cards.inc"),
    "incl": (".incl cards.inc", "cards.inc"),
    "upper": ("  .INCLUDE cards.inc", "cards.inc"),
    "comment": (".include cards.inc $ those of the fab", "cards.inc"),
    "attached": (".include cards.inc;x", "cards.inc"),
    "folder": ('.include "a b/cards.inc"', "a b/cards.inc"),
    "parent": (".include ../cards.inc", "../cards.inc"),
    "home": (".include ~/cards.inc", "~/cards.inc"),
    "absolute": ('.include "{folder}/elsewhere/cards.inc"', "../elsewhere/cards.inc"),
    "accent": (".include kärtchen.inc", "kärtchen.inc"),
    "section": (".lib cards.inc all", "cards.inc"),
    "section home": (".lib ~/cards.inc all", "~/cards.inc"),
    "section upper": (".LIB 'cards.inc' ALL", "cards.inc"),
    "section absolute": (".lib {folder}/elsewhere/cards.inc all", "../elsewhere/cards.inc"),
    "section comment": (".lib cards.inc all $ x", "cards.inc"),
}


@pytest.fixture
def made(tmp_path, monkeypatch, tiny_technology):
    """Function that makes the tiny technology with its cards behind a reference: its TOML and card file."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))

    def make(form):
        line, name = (text.replace("{folder}", str(tmp_path)) for text in FORMS[form])
        cards = home / name[2:] if name.startswith("~/") else tiny_technology.parent / name
        text = (tiny_technology.parent / "cards" / "tiny_cards.inc").read_text()
        if ".lib" in line.lower():
            text = f".lib all\n{text}.endl all\n"
        cards.parent.mkdir(parents=True, exist_ok=True)
        cards.write_text(text)
        library = tiny_technology.with_name("tiny.lib")
        library.write_text(library.read_text().replace('.include "cards/tiny_cards.inc"', line))
        return tiny_technology, Path(os.path.realpath(cards))

    return make


def current(technology):
    deck = (
        f"* one device\n{technology.header('tt')}vd d 0 0.9\nx1 d d 0 0 dev_nmos w=200n l=100n\n.op\n"
        ".save i(vd)\n.end\n"
    )
    return -simulate(Simulation(deck)).require()["i(vd)"][0]


@pytest.mark.parametrize("form", FORMS)
def test_a_change_behind_any_form_of_reference_changes_digest_and_current(made, form):
    toml, cards = made(form)
    technology = Technology.load(toml)
    assert cards in technology.files
    assert len(technology.files) == 2
    before, digest = current(technology), technology.library_digest
    assert before == pytest.approx(150e-6 * 2 * 0.6**2 * 1.09, rel=1e-3)
    cards.write_text(cards.read_text().replace("vto={tiny_vth}", "vto={tiny_vth+0.2}"))
    changed = Technology.load(toml)
    assert changed.library_digest != digest
    assert current(changed) == pytest.approx(before * (0.4 / 0.6) ** 2, rel=1e-3)


@pytest.mark.parametrize("form", FORMS)
def test_a_missing_file_behind_any_form_of_reference_is_refused(made, form):
    toml, cards = made(form)
    cards.unlink()
    with pytest.raises(TechnologyError, match=r"tiny\.lib, line 9: there is no file"):
        Technology.load(toml)


@pytest.mark.parametrize("form", FORMS)
def test_copies_of_all_files_work_without_the_originals(made, form, tmp_path, monkeypatch):
    toml, cards = made(form)
    technology = Technology.load(toml)
    before = current(technology)
    moved = tmp_path / "moved" / "deck"
    moved.mkdir(parents=True)
    copy_library(technology.copies, moved.parent / "library")
    cards.unlink()
    technology.library.unlink()
    monkeypatch.setenv("HOME", str(moved))
    elsewhere = technology.model_copy(
        update={"library": moved.parent / "library" / technology.copies[0].place}
    )
    assert current(elsewhere) == before


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (".include $HOME/cards.inc", "does not read '.HOME/cards.inc' as a file name"),
        ('.include "$PDK/cards.inc"', "does not read"),
        (".include", "no file name in '.include'"),
        ('.include"cards.inc"', "no file name"),
        ('.include "a//cards.inc"', "does not read"),
        ('.lib "my cards.inc" all', "there is no file 'my' .a blank ends the name"),
        (".lib cards.inc\n+ all", "on one line"),
        (".include ~other/cards.inc", "there is no file '~other/cards.inc'"),
        (".include cards", "there is no file 'cards'"),  # a folder
        (".control\nshell touch pwned\n.endc", "must not run commands"),
        (" \t.CONTROL\nshell touch pwned\n.endc", "must not run commands"),
        ('.model reader filesource (file="numbers.txt")', "names a data file"),
    ],
)
def test_references_without_a_meaning_and_commands_are_refused(tiny_technology, line, message):
    library = tiny_technology.with_name("tiny.lib")
    library.write_text(library.read_text().replace('.include "cards/tiny_cards.inc"', line))
    with pytest.raises(TechnologyError, match=rf"tiny\.lib, line 9: .*{message}"):
        Technology.load(tiny_technology)


def test_a_command_in_an_included_file_is_refused(tiny_technology):
    cards = tiny_technology.parent / "cards" / "tiny_cards.inc"
    cards.write_text(cards.read_text() + ".control\nshell true\n.endc\n")
    with pytest.raises(TechnologyError, match=r"tiny_cards\.inc, line 7: a library must not run commands"):
        Technology.load(tiny_technology)


def test_missing_file_in_an_unused_section_is_as_little_opened_as_by_ngspice(tiny_technology):
    library = tiny_technology.with_name("tiny.lib")
    library.write_text(library.read_text() + ".lib mim\n.lib gone.lib mim\n.endl mim\n")
    assert current(Technology.load(tiny_technology)) > 0
    toml = tiny_technology.read_text().replace('tt = ["tt", "devices"]', 'tt = ["tt", "devices", "mim"]')
    tiny_technology.write_text(toml)
    with pytest.raises(TechnologyError, match=r"tiny\.lib, line 12: there is no file 'gone\.lib'"):
        Technology.load(tiny_technology)


def test_lib_names_count_from_the_file_that_lib_has_opened(tmp_path):
    # Measured with ngspice 39: not from the folder of an included file, and links are resolved for .lib only.
    (tmp_path / "kit" / "sub").mkdir(parents=True)
    (tmp_path / "kit" / "k.lib").write_text('.lib tt\n.include "sub/a.inc"\n.endl\n')
    (tmp_path / "kit" / "sub" / "a.inc").write_text(".lib b.lib tt\n")
    for folder, value in (("kit", 12), ("kit/sub", 11)):
        (tmp_path / folder / "b.lib").write_text(f".lib tt\n.param zz={value}\n.endl\n")
    files = library_files(tmp_path / "kit" / "k.lib", ["tt"])
    assert [str(file.place) for file in files] == ["k.lib", "sub/a.inc", "b.lib"]
    deck = f'* x\n.lib "{tmp_path}/kit/k.lib" tt\nv1 a 0 {{zz}}\nr1 a 0 1\n.op\n.save v(a)\n.end\n'
    assert simulate(Simulation(deck)).require()["v(a)"][0] == 12


def test_damaged_libraries_load_with_all_their_files_or_are_refused(tiny_technology):
    """300 changed bytes: no traceback, and never fewer files than ngspice would open."""
    rng = np.random.default_rng(5)
    library = tiny_technology.with_name("tiny.lib")
    whole = library.read_bytes()
    refused = 0
    for _ in range(300):
        data = bytearray(whole)
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        library.write_bytes(data)
        try:
            files = Technology.load(tiny_technology).files
        except TechnologyError:
            refused += 1
            continue
        lines = bytes(data).lower().split(b"\n")
        opens = any(line.lstrip(b" \t").startswith(b".inc") for line in lines)
        assert len(files) == (2 if opens else 1)
    assert refused > 10
