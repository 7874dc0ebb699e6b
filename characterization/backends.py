"""Where simulations run: the cores of this machine by default, or the workers of a Dask cluster."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from joblib import parallel_config

from ..circuits.errors import BackendError

BACKENDS = ("local", "dask")
CONNECT = 10.0
"""Time that a scheduler gets to answer, and to find a first worker, s."""


def backend(name: str, scheduler: str | None = None) -> AbstractContextManager[None]:
    """A context in which `characterize` runs its simulations on a backend.

    Args:
        name: one of BACKENDS.
        scheduler: address of the Dask scheduler, such as `tcp://host:8786`, or path of its scheduler file.

    Raises:
        BackendError: an unknown name; on entering: Dask is missing, or its scheduler does not answer or has
            no workers.
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
    """Run on the workers of a Dask scheduler, through joblib; see `backend`."""
    try:
        from distributed import Client
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
            with parallel_config(backend="dask", client=client, pure=False):
                yield
        except (CommClosedError, OSError) as error:
            if client.status == "running":
                raise
            raise BackendError(
                f"lost the Dask scheduler at {scheduler} ({_first_line(error)}); what had finished is in the "
                "cache: the same command continues"
            ) from None
    finally:
        client.close(timeout=CONNECT)


def _connect(client_class, scheduler: str):
    where = {"scheduler_file": scheduler} if scheduler.endswith(".json") else {"address": scheduler}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other versions on the workers: what matters is checked per batch
        return client_class(**where, timeout=CONNECT, set_as_default=False)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
