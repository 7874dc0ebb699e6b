"""Backends that run simulations: the cores of this machine (default), or the workers of a Dask cluster."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress

from joblib import parallel_config

from ..circuits.errors import BackendError

BACKENDS = ("local", "dask")
"""Names of the backends."""

CONNECT = 10.0
"""Time limit for the answer of a scheduler, and for its first worker, s."""


def backend(name: str, scheduler: str | None = None) -> AbstractContextManager[None]:
    """Context in which `characterize` runs its simulations on a backend.

    Args:
        name: one of `BACKENDS`.
        scheduler: address of the Dask scheduler, such as `tcp://host:8786`, or path of its scheduler file
            (suffix `.json`).

    Raises:
        BackendError: unknown name or missing address; on entering the context: Dask is missing, or its
            scheduler does not answer or has no workers.
    """
    if name not in BACKENDS:
        raise BackendError(f"unknown backend {name!r}; use one of {', '.join(BACKENDS)}")
    if name == "local":
        if scheduler is not None:
            raise BackendError(f"--scheduler {scheduler} needs --backend dask")
        return nullcontext()
    if scheduler is None:
        raise BackendError("the dask backend needs --scheduler ADDRESS, such as tcp://host:8786")
    return dask(scheduler)


@contextmanager
def dask(scheduler: str) -> Iterator[None]:
    """Context in which joblib runs on the workers of a Dask scheduler.

    Args:
        scheduler: address or scheduler file, as for `backend`.

    Raises:
        BackendError: Dask is missing, the scheduler does not answer or has no workers, or it was lost.
    """
    try:
        from distributed import Client
        from distributed.client import FutureCancelledError
        from distributed.comm.core import CommClosedError
    except ImportError:
        raise BackendError("Dask is not installed: pip install 'gaincell[dask]'") from None
    try:
        client = _connect(Client, scheduler)
    except (OSError, TimeoutError, ValueError) as error:
        raise BackendError(
            f"no Dask scheduler answers at {scheduler} ({_first_line(error)}); start one "
            "with `dask scheduler` and give the address that it prints"
        ) from None
    try:
        try:
            client.wait_for_workers(1, timeout=CONNECT)
        except TimeoutError:
            raise BackendError(
                f"the Dask scheduler at {scheduler} has no workers; start some with `dask worker {scheduler}`"
            ) from None
        try:
            with parallel_config(backend=_workers(client)):
                yield
        except (CommClosedError, OSError, FutureCancelledError) as error:
            if client.status == "running" and not isinstance(error, FutureCancelledError):
                raise
            raise BackendError(
                f"lost the Dask scheduler at {scheduler}; finished batches are in the cache: start a new "
                "scheduler with its workers and repeat the command"
            ) from error
    finally:
        with suppress(TimeoutError):  # a lost scheduler does not confirm; the error of the run counts
            client.close(timeout=CONNECT)


def _connect(client_class, scheduler: str):
    where = {"scheduler_file": scheduler} if scheduler.endswith(".json") else {"address": scheduler}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about versions on the workers, which `execute` checks
        return client_class(**where, timeout=CONNECT, set_as_default=False)


def _workers(client):
    """joblib's Dask backend for a cluster that may start with one core or with none."""
    from joblib._dask import DaskDistributedBackend

    class Workers(DaskDistributedBackend):
        def effective_n_jobs(self, n_jobs):
            # With one job joblib would run everything in this process.
            return max(super().effective_n_jobs(n_jobs), 2)

    return Workers(client=client, pure=False)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
