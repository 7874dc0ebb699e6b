"""Files are replaced in one step: readers, concurrent writers and interruptions see whole files only."""

import hashlib
import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gaincell.circuits.files import (
    as_written,
    cache_folder,
    digest,
    partial_folder,
    replace_atomically,
    require_file,
    require_folder,
    sealed,
    sweep,
    write_atomically,
    write_json,
    write_text,
)

SIZE = 1 << 20


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_interrupted_write_keeps_old_content_and_removes_the_temporary_file(tmp_path, error):
    path = tmp_path / "table"
    write_atomically(path, b"old")

    def interrupted(partial):
        partial.write_bytes(b"half of the n")
        raise error

    with pytest.raises(type(error)):
        replace_atomically(path, interrupted)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["table"]


def test_failed_rename_keeps_old_content_and_removes_the_temporary_file(tmp_path, monkeypatch):
    path = tmp_path / "table"
    write_atomically(path, b"old")

    def refuse(*_):
        raise PermissionError("rename")

    monkeypatch.setattr("gaincell.circuits.files.os.replace", refuse)
    with pytest.raises(PermissionError):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["table"]


def test_interrupted_first_write_leaves_no_file(tmp_path):
    with pytest.raises(TypeError):
        write_json(tmp_path / "value.json", {"a": object()})
    assert names(tmp_path) == []


def test_old_content_is_readable_while_the_new_one_is_written(tmp_path):
    path = tmp_path / "table"
    write_atomically(path, b"old")
    seen = []

    def write(partial):
        partial.write_bytes(b"new")
        seen.append(path.read_bytes())

    replace_atomically(path, write)
    assert (seen, path.read_bytes()) == ([b"old"], b"new")


WRITER = """
import sys
from pathlib import Path
from gaincell.circuits.files import write_atomically
for _ in range(50):
    write_atomically(Path(sys.argv[1]), sys.argv[2].encode() * int(sys.argv[3]))
"""


def test_concurrent_writers_leave_one_whole_file(tmp_path):
    path = tmp_path / "table"
    commands = [[sys.executable, "-c", WRITER, str(path), letter, str(SIZE)] for letter in "abc"]
    writers = [subprocess.Popen(command) for command in commands]
    contents = set()
    while any(writer.poll() is None for writer in writers):
        if path.exists():
            contents.add(path.read_bytes())
    contents.add(path.read_bytes())
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert contents <= {letter.encode() * SIZE for letter in "abc"}
    assert names(tmp_path) == ["table"]


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_atomically(path, b"data"),
        lambda path: write_text(path, "data"),
        lambda path: write_json(path, "data"),
        lambda path: replace_atomically(path, lambda partial: partial.write_bytes(b"data")),
    ],
)
def test_folder_is_made_and_mode_is_0644(tmp_path, write):
    path = tmp_path / "deep" / "folder" / "file"
    write(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert names(path.parent) == ["file"]


def test_device_pipe_or_socket_is_not_replaced_by_a_file(tmp_path):
    """As root, `--out /dev/null` would otherwise replace the device."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        for name in ("pipe", "link", "socket"):
            for write in (require_file, lambda path: write_atomically(path, b"data")):
                with pytest.raises(OSError, match=f"it is no regular file.*{name}"):
                    write(tmp_path / name)
        assert stat.S_ISFIFO((tmp_path / "pipe").lstat().st_mode)
        assert stat.S_ISSOCK((tmp_path / "socket").lstat().st_mode)
    assert names(tmp_path) == ["link", "pipe", "socket"]


@pytest.mark.parametrize("dangling", [False, True])
def test_symbolic_link_stays_and_its_target_is_written(tmp_path, dangling):
    target, link = tmp_path / "elsewhere" / "file", tmp_path / "link"
    target.parent.mkdir()
    if not dangling:
        target.write_bytes(b"old")
    link.symlink_to(target)
    require_file(link)
    write_atomically(link, b"new")
    assert link.is_symlink() and target.read_bytes() == b"new"
    assert names(tmp_path) == ["elsewhere", "link"] and names(target.parent) == ["file"]


KILLED = """
import os, signal, sys
from pathlib import Path
from gaincell.circuits.files import partial_folder, replace_atomically
folder = Path(sys.argv[1])

def ends(path):
    print("ready", flush=True)
    sys.stdin.readline()
    os.kill(os.getpid(), signal.SIGKILL)

with partial_folder(folder) as partial:
    (partial / "weights").write_bytes(b"w")
    replace_atomically(folder / "table", ends)
"""


def test_sweep_removes_what_killed_processes_left_and_nothing_else(tmp_path):
    write_atomically(tmp_path / "table", b"old")
    (tmp_path / ".foreign.part").write_bytes(b"another program's")
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    run = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert run.stdout.readline() == "ready\n"
    with partial_folder(tmp_path):  # sweeps as well
        assert sweep(tmp_path) == 0, "both processes run"
        assert len(names(tmp_path)) == 5
    run.communicate("\n")
    assert len(names(tmp_path)) == 4, "left by the kill"
    require_folder(tmp_path)
    assert names(tmp_path) == [".foreign.part", "table"]
    assert (tmp_path / "table").read_bytes() == b"old"


SWEEPER = """
import sys
from pathlib import Path
from gaincell.circuits.files import sweep
while not Path(sys.argv[1], "stop").exists():
    sweep(Path(sys.argv[1]))
"""


def test_writers_and_sweepers_do_not_disturb_each_other(tmp_path):
    sweeper = subprocess.Popen([sys.executable, "-c", SWEEPER, str(tmp_path)])
    try:
        for number in range(2000):
            write_atomically(tmp_path / "table", b"%d" % number)
            with partial_folder(tmp_path) as partial:
                (partial / "weights").write_bytes(b"%d" % number)
    finally:
        (tmp_path / "stop").touch()
        sweeper.wait()
    assert sweeper.returncode == 0
    assert names(tmp_path) == ["stop", "table"]


def test_sealed_values_are_known_again_whatever_their_layout():
    values = sealed({"b": [1, (2.5, None)], 3: {"c": True}, "path": Path("x")})
    again = json.loads(json.dumps(values, indent=7, sort_keys=True))
    assert as_written(again) is True
    assert again["b"] == [1, [2.5, None]] and again["3"] == {"c": True}
    assert as_written(again | {"b": [1, [2.5, 0]]}) is False
    assert as_written(again | {"more": None}) is False
    assert as_written({name: x for name, x in again.items() if name != "digest"}) is None


@pytest.mark.parametrize("indent", [1, 2])
def test_json_is_utf8_with_the_requested_indentation(tmp_path, indent):
    value = {"unit": "µA", "values": [1, 2.5, None]}
    write_json(tmp_path / "value.json", value, indent=indent)
    text = (tmp_path / "value.json").read_text(encoding="utf-8")
    assert json.loads(text) == value
    assert text.startswith("{\n" + " " * indent + '"unit": "µA"')
    assert text.endswith("}\n")


def test_line_ends_are_written_unchanged(tmp_path):
    write_text(tmp_path / "deck", "a\r\nb\n")
    assert (tmp_path / "deck").read_bytes() == b"a\r\nb\n"


def test_digest_is_sha256_of_the_content(tmp_path):
    write_atomically(tmp_path / "data", b"x" * 3_000_000)
    assert digest(tmp_path / "data") == hashlib.sha256(b"x" * 3_000_000).hexdigest()


def test_writable_places_are_accepted_without_a_trace(tmp_path):
    require_folder(tmp_path / "a" / "b")
    require_file(tmp_path / "c" / "file")
    assert names(tmp_path) == []


def test_places_that_cannot_be_written_are_refused_by_name(tmp_path):
    (tmp_path / "file").write_text("plain")
    with pytest.raises(OSError, match="file/below"):
        require_folder(tmp_path / "file" / "below")
    with pytest.raises(OSError, match="file"):
        require_file(tmp_path / "file" / "below")
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        require_file(tmp_path)


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"GAINCELL_CACHE": "/chosen", "XDG_CACHE_HOME": "/xdg"}, "/chosen"),
        ({"XDG_CACHE_HOME": "/xdg"}, "/xdg/gaincell"),
        ({"HOME": "/home/user"}, "/home/user/.cache/gaincell"),
    ],
)
def test_cache_folder_follows_the_environment(monkeypatch, variables, folder):
    for name in ("GAINCELL_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(cache_folder()) == folder
