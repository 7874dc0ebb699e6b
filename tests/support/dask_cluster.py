"""A Dask scheduler and its workers as processes of their own, as users start them."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 120
"""Seconds for the cluster to start, and for one of its processes to answer, on a machine with other work."""


@contextmanager
def cluster(folder: Path, workers: int = 2) -> Iterator[tuple[str, list[subprocess.Popen]]]:
    """Scheduler file of a scheduler with its workers connected; its process and theirs."""
    from distributed import Client

    file = folder / "scheduler.json"
    patient = {
        "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": f"{PATIENCE}s",
        "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": f"{PATIENCE}s",
        "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": f"{PATIENCE}s",
    }
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "1", **patient}
    common = ["--scheduler-file", str(file), "--no-dashboard"]
    commands = [["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-jupyter", *common]]
    worker = ["worker", *common, "--nthreads", "1", "--no-nanny", "--memory-limit", "0"]
    commands += [[*worker, "--local-directory", str(folder / f"worker{i}")] for i in range(workers)]
    running = []
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        for words in commands:
            command = [sys.executable, "-m", "dask", *words]
            running.append(subprocess.Popen(command, env=environment, cwd=folder, **quiet))
            deadline = time.monotonic() + PATIENCE
            while not file.exists() and time.monotonic() < deadline:
                time.sleep(0.05)
        with Client(scheduler_file=str(file), timeout=PATIENCE, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=PATIENCE)
        yield str(file), running
    finally:
        for process in reversed(running):
            process.kill()
            process.wait()
