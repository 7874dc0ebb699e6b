"""Compiling the C++ operators: once for all processes, announced by one line, ended with its process."""

import ctypes
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gaincell.cosim.attention.kernels.cpp import build as building

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")

FAST = """#!/bin/sh
echo run >> "$GAINCELL_TEST_LOG"
while [ "$1" != -o ]; do shift; done
echo built > "$2"
"""
SLOW = """#!/bin/sh
sleep 600 &
echo $! >> "$GAINCELL_TEST_LOG"
wait
"""


@pytest.fixture
def log(tmp_path, monkeypatch) -> Path:
    """What the compilers of this file write; the folder of builds has a blank in its name."""
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path / "all builds"))
    monkeypatch.setenv("GAINCELL_TEST_LOG", str(tmp_path / "log"))
    return tmp_path / "log"


def use_compiler(monkeypatch, tmp_path: Path, script: str) -> None:
    """Take a script for the compiler."""
    path = tmp_path / "compiler"
    path.write_text(script)
    path.chmod(0o755)
    monkeypatch.setenv("CXX", str(path))


def in_child(work: Callable[[], object]) -> int:
    """Process id of a child that does `work` and ends."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


def wait_until(holds: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Whether `holds` comes true in time."""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def running(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc to look processes up in")
@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_killed_build_leaves_nothing_running_and_is_no_obstacle(tmp_path, monkeypatch, log, kind):
    use_compiler(monkeypatch, tmp_path, SLOW)
    child = in_child(building.build)
    assert wait_until(lambda: log.exists() and len(log.read_text().split()) == len(building.UNITS))
    compilers = log.read_text().split()
    assert all(map(running, compilers))
    os.kill(child, kind)
    os.waitpid(child, 0)
    assert wait_until(lambda: not any(map(running, compilers)))
    use_compiler(monkeypatch, tmp_path, FAST)
    assert building.build().read_text() == "built\n"
    assert sorted(path.suffix for path in building.builds().iterdir()) == [".lock", ".so"]


def test_two_processes_build_once(tmp_path, monkeypatch, log):
    use_compiler(monkeypatch, tmp_path, FAST.replace("while", "sleep 0.2\nwhile"))
    children = [in_child(building.build) for _ in range(2)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    assert len(log.read_text().split()) == len(building.UNITS) + 1


def test_a_build_is_announced_once(tmp_path, monkeypatch, log, capfd):
    use_compiler(monkeypatch, tmp_path, FAST)
    building.build()
    first, done = capfd.readouterr().err.splitlines()
    assert first.startswith("gaincell: compiling the attention kernels for this processor (once, about ")
    assert done == "gaincell: compiled the attention kernels in 0 s"
    building.build()
    assert capfd.readouterr().err == ""


def test_a_callback_gets_the_lines_instead(tmp_path, monkeypatch, log, capfd):
    use_compiler(monkeypatch, tmp_path, FAST)
    lines = []
    building.build(lines.append)
    assert [line.split()[0] for line in lines] == ["compiling", "compiled"]
    assert capfd.readouterr().err == ""


def test_the_first_error_is_reported_and_nothing_is_left(tmp_path, monkeypatch, log):
    use_compiler(
        monkeypatch, tmp_path, "#!/bin/sh\necho note; echo 'x.cpp:1: error: no such thing'; exit 1\n"
    )
    with pytest.raises(RuntimeError, match="^x.cpp:1: error: no such thing$"):
        building.build(lambda line: None)
    assert [path.suffix for path in building.builds().iterdir()] == [".lock"]


def test_folders_of_living_builds_stay(tmp_path, monkeypatch, log):
    folder = building.builds()
    mine, elsewhere, old = (
        folder / f"{building.PREFIX}-{where}-{os.getpid()}-x"
        for where in (building.socket.gethostname(), "another-host", "older-host")
    )
    for path in (mine, elsewhere, old):
        path.mkdir(parents=True)
    os.utime(old, (0, 0))
    building.sweep(folder)
    assert mine.exists() and elsewhere.exists() and not old.exists()


@pytest.mark.skipif(building.missing_compiler() is not None, reason="no C++ compiler")
def test_the_compiler_gets_along_with_blanks_in_paths(tmp_path, monkeypatch, log):
    sources = tmp_path / "the sources"
    sources.mkdir()
    (sources / "prefill.cpp").write_text('extern "C" int answer() { return 42; }\n')
    monkeypatch.setattr(building, "SOURCES", sources)
    monkeypatch.setattr(building, "UNITS", {"prefill": "-O1"})
    library = building.build(lambda line: None)
    assert " " in str(library)
    assert ctypes.CDLL(str(library)).answer() == 42


def test_the_name_of_a_build_stands_for_what_it_depends_on(tmp_path, monkeypatch):
    monkeypatch.delenv("GAINCELL_INSTRUCTIONS", raising=False)
    names = {building.library_path().name}
    with monkeypatch.context() as changed:
        changed.setenv("GAINCELL_INSTRUCTIONS", "avx2")
        names.add(building.library_path().name)
        assert "native" not in " ".join(building.machine_flags()) or not building.is_x86()
    with monkeypatch.context() as changed:
        changed.setattr(building.torch, "__version__", "0.0")
        names.add(building.library_path().name)
    with monkeypatch.context() as changed:
        copy = shutil.copytree(building.SOURCES, tmp_path / "src")
        (copy / "ring.h").write_text("// changed\n")
        changed.setattr(building, "SOURCES", copy)
        names.add(building.library_path().name)
    assert len(names) == 4
