"""A simulator that lies, dies, hangs or finds a hostile environment: a status or a sentence."""

import shutil
import sys

import numpy as np
import pytest

from gaincell.circuits import ngspice
from gaincell.circuits.designs import Designs, GainCell
from gaincell.circuits.errors import SimulationError, TechnologyError
from gaincell.circuits.probe import probe, probe_sizes
from gaincell.circuits.rawfile import read_raw
from gaincell.circuits.runner import Simulation, Status, ngspice_version, simulate
from gaincell.circuits.technology import Technology

RC = """* RC
v1 in 0 1
r1 in out 1k
c1 out 0 1p ic=0
.tran 10p 2n uic
.save v(out)
.end
"""

OVERWRITES = """#!{python}
import subprocess, sys
import numpy as np
code = subprocess.run([{ngspice!r}, *sys.argv[1:]]).returncode
if "-r" in sys.argv:
    raw = sys.argv[sys.argv.index("-r") + 1]
    head, mark, body = open(raw, "rb").read().partition(b"Binary:\\n")
    values = np.frombuffer(body).copy()
    values[{which}] = {value}
    open(raw, "wb").write(head + mark + values.tobytes())
sys.exit(code)
"""


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Function that puts a script as `ngspice` on PATH."""

    def make(text):
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "ngspice").write_text(text)
        (folder / "ngspice").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        ngspice._version_of.cache_clear()

    yield make
    ngspice._version_of.cache_clear()


def overwriting(which, value):
    return OVERWRITES.format(python=sys.executable, ngspice=shutil.which("ngspice"), which=which, value=value)


@pytest.mark.parametrize("which", [":", "1::2", "0::2", "-1", "5"])
@pytest.mark.parametrize("value", ["np.nan", "np.inf"])
def test_waveforms_that_are_not_finite_are_no_result(fake, which, value):
    fake(overwriting(which, value))
    result = simulate(Simulation(RC, end=2e-9))
    assert result.status is Status.NOT_FINITE
    assert result.waveforms is None
    assert result.status.remedy


@pytest.mark.parametrize("number", [9, 11, 34, 40, 64])
def test_end_by_any_signal_is_a_crash(fake, number):
    fake(f"#!/bin/sh\nkill -{number} $$\nsleep 5\n")
    result = simulate(Simulation(RC))
    assert result.status is Status.CRASHED
    assert "ended by signal" in result.message


def test_kill_for_lack_of_memory_is_not_blamed_on_the_technology(fake, tiny_technology):
    technology = Technology.load(tiny_technology)
    fake("#!/bin/sh\nkill -9 $$\n")
    with pytest.raises(SimulationError, match="SIGKILL .too little memory"):
        probe(technology, "tt")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("printf '\\377\\376garbage'", "does not say its version"),
        ("exit 3", "does not say its version"),
        ("kill -9 $$", "does not say its version"),
        ("sleep 60 & wait", "gave no answer within"),
    ],
)
def test_strange_version_is_one_sentence(fake, monkeypatch, script, message):
    monkeypatch.setattr(ngspice, "VERSION_TIMEOUT", 1.0)
    fake(f"#!/bin/sh\n{script}\n")
    with pytest.raises(SimulationError, match=message):
        ngspice_version()


def test_file_that_is_no_program_is_one_sentence(fake):
    fake("not a program")
    with pytest.raises(SimulationError, match="cannot be started"):
        ngspice_version()


def raw(header="No. Variables: 2\nNo. Points: 2       \n", rows="\t0\ttime\ttime\n\t1\tv(a)\tvoltage\n"):
    values = np.array([[0.0, 1.0], [1.0, 2.0]]).tobytes()
    return (
        f"Title: t\nPlotname: Transient Analysis\nFlags: real\n{header}Variables:\n{rows}Binary:\n"
    ).encode() + values


@pytest.mark.parametrize(
    "header",
    [
        "No. Variables: 2\nNo. Points: x\n",
        "No. Variables: 2\n",
        "No. Variables: 2\nNo. Points: -5\n",
        "No. Variables: 2\nNo. Points: 1e3\n",
        "No. Variables: 3\nNo. Points: 2\n",
        "No. Points: 2\n",
        "No. Variables: 2\nNo. Points: ²\n",
    ],
)
def test_damaged_raw_header_is_refused(tmp_path, header):
    (tmp_path / "a.raw").write_bytes(raw(header))
    with pytest.raises(SimulationError, match="not a binary ngspice raw file"):
        read_raw(tmp_path / "a.raw")


def test_changed_bytes_of_a_raw_file_never_hang_or_end_in_a_traceback(tmp_path):
    rng, path, whole = np.random.default_rng(1), tmp_path / "a.raw", raw() + raw()
    refused = 0
    for _ in range(1000):
        data = bytearray(whole)
        for _ in range(rng.integers(1, 4)):
            data[rng.integers(len(data))] = rng.integers(256)
        path.write_bytes(data[: rng.integers(len(data))] if rng.random() < 0.2 else data)
        try:
            read_raw(path)
        except SimulationError:
            refused += 1
    assert 100 < refused < 1000


NAMES = [
    ('model = "tiny_n"', 'model = "tiny_n\\n.control\\nshell touch {mark}\\n.endc\\n* "'),
    ('model = "tiny_n"', 'model = "tiny_n w=1u"'),
    ('tt = ["tt", "devices"]', 'tt = ["tt\\n.control\\nshell touch {mark}\\n.endc", "devices"]'),
    ("w_min = 80e-9\n", 'w_min = 80e-9\nthreshold_shift = "a\\n.control\\nshell touch {mark}\\n.endc\\n"\n'),
    (
        "w_min = 80e-9\n",
        'w_min = 80e-9\nparameters = {{ "a=1\\n.control\\nshell touch {mark}\\n.endc\\n" = 1 }}\n',
    ),
    ("[devices.oxide]", '[devices."oxide\\n.control\\nshell touch {mark}\\n.endc\\n"]'),
    ('name = "tiny"', 'name = "tiny\\n.control\\nshell touch {mark}\\n.endc"'),
    ('library = "tiny.lib"', 'library = "tiny.lib\\n.control\\nshell touch {mark}\\n.endc"'),
    ("vdd = 0.9", "vdd = true"),
    ("vdd = 0.9", "vdd = inf"),
    ("w_min = 80e-9", "w_min = nan"),
    ("a_vt = 1.8e-9", 'a_vt = "1.8e-9"'),
    ("temperature = 27.0", "temperature = inf"),
    ("w_min = 80e-9\n", "w_min = 80e-9\nparameters = {{ nf = true }}\n"),
    ("w_min = 80e-9\n", "w_min = 80e-9\nparameters = {{ nf = '1' }}\n"),
    ("w_min = 80e-9\n", "w_min = 80e-9\nparameters = {{ nf = nan }}\n"),
    ("w_min = 80e-9\n", "w_min = 80e-9\nparameters = {{ nf = [1] }}\n"),
    ('model = "tiny_n"', 'model = "tiny_n\\n"'),
]


def test_library_whose_path_is_a_second_line_is_refused(tiny_technology, tmp_path):
    evil = 'tiny.lib\n.control\nshell touch "$PWD-pwned"\n.endc\n*'
    tiny_technology.with_name("tiny.lib").rename(tiny_technology.with_name(evil.replace("/", "")))
    text = tiny_technology.read_text().replace('"tiny.lib"', f"'''{evil}'''")
    tiny_technology.write_text(text)
    with pytest.raises(TechnologyError, match="has a control character"):
        Technology.load(tiny_technology)


@pytest.mark.parametrize(("old", "new"), NAMES)
def test_names_that_are_no_names_and_numbers_that_are_none_are_refused(tiny_technology, tmp_path, old, new):
    mark = tmp_path / "pwned"
    text = tiny_technology.read_text()
    assert old in text
    tiny_technology.write_text(text.replace(old, new.format(mark=mark), 1))
    with pytest.raises(TechnologyError, match=r"tiny\.toml"):
        probe(Technology.load(tiny_technology), "tt")
    assert not mark.exists()


def test_sizes_without_a_bin_are_named_before_the_sweep(tiny_technology):
    cards = tiny_technology.parent / "cards" / "tiny_cards.inc"
    binned = cards.read_text().replace(
        ".model tiny_n nmos (level=1 vto={tiny_vth} kp=300u lambda=0.1)",
        ".model tiny_n.1 nmos (level=14 version=4.8 lmin=20n lmax=10u wmin=400n wmax=100u)",
    )
    cards.write_text(binned)
    technology = Technology.load(tiny_technology)
    with pytest.raises(
        TechnologyError, match=r"no tiny_n with w=8e-08 l=7.8e-07 \(w_rn and l_rn of the cell"
    ):
        probe_sizes(technology, "tt", None, Designs(cell=GainCell(write_device="oxide")), {"cell"})
    wide = dict.fromkeys(("w_rn", "w_sw"), 1e-6)
    probe_sizes(technology, "tt", None, Designs(cell=GainCell(write_device="oxide", **wide)), {"cell"})
