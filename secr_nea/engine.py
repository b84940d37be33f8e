"""Many independent tasks on one machine or a cluster: one engine, the same numbers everywhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from tqdm import tqdm

from secr_nea.errors import DataError, FitError, ModelError

Task = TypeVar("Task")

LOOP = "loop"
"""The word for a plain loop in this process."""

_RETRIES = 5  # of a task whose worker died
_ONE_THREAD = {
    "SECR_NEA_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


def run_anywhere(
    work: Callable[[Any, Task], Any],
    shared: object,
    tasks: Sequence[Task],
    *,
    client: Any = None,
    workers: int | None = None,
    progress: bool = True,
    label: str = "tasks",
    sizes: Sequence[int] | None = None,
) -> Iterator[tuple[int, Any]]:
    """Do every task, in any order, and give each result as soon as it is there.

    Parameters
    ----------
    work : callable
        ``work(shared, task)``; a function of a module that the workers can import.
    shared : object
        What all tasks need; it is sent to each worker once.
    tasks : sequence
        Small, independent, each reproducible by itself: a task whose worker dies is done again.
    client : distributed.Client, str or None
        None: a local cluster of one process for each processor, closed at the end. ``"loop"``:
        one task after the other in this process. A ``Client``: the cluster that it belongs to; the
        library must be installed there.
    workers : int, optional
        Processes of the local cluster.
    progress : bool
        Whether to show a bar with the time that remains.
    label : str
        What the bar calls its units.
    sizes : sequence of int, optional
        Units of each task on the bar; 1 by default.

    Yields
    ------
    int
        Position of the task.
    object
        What ``work`` returned.

    Raises
    ------
    DataError
        If ``client`` is something else.
    ModelError
        If a cluster is wanted and ``distributed`` is not installed.
    """
    units = [1] * len(tasks) if sizes is None else list(sizes)
    if isinstance(client, str) and client != LOOP:
        raise DataError(f"client must be None, {LOOP!r} or a distributed Client; got {client!r}.")
    bar = tqdm(total=sum(units), unit=f" {label}", disable=not progress, file=sys.stderr)
    with bar:
        for position, result in _results(work, shared, tasks, client, workers):
            bar.update(units[position])
            yield position, result


def _results(
    work: Callable[[Any, Task], Any],
    shared: object,
    tasks: Sequence[Task],
    client: Any,
    workers: int | None,
) -> Iterator[tuple[int, Any]]:
    if client == LOOP or not len(tasks):
        for position, task in enumerate(tasks):
            yield position, work(shared, task)
        return
    distributed = _distributed()
    if client is not None and not isinstance(client, distributed.Client):
        raise DataError(
            f"client must be None, {LOOP!r} or a distributed Client; got {type(client).__name__}."
        )
    if client is not None:
        yield from _on_cluster(distributed, client, work, shared, tasks)
        return
    with _local_client(distributed, workers) as own:
        yield from _on_cluster(distributed, own, work, shared, tasks)


def _on_cluster(
    distributed: Any,
    client: Any,
    work: Callable[[Any, Task], Any],
    shared: object,
    tasks: Iterable[Task],
) -> Iterator[tuple[int, Any]]:
    """Results as they are completed; the scheduler hands the tasks of a dead worker to others."""
    left = dict(enumerate(tasks))
    for _ in range(_RETRIES):
        # Where all workers died at once, what was sent to them is lost as well: send it again.
        for position, result in _round(distributed, client, work, shared, left):
            del left[position]
            yield position, result
        if not left:
            return
    raise FitError(
        f"The workers of the cluster died {_RETRIES} times; {len(left)} tasks were never done. "
        "Have they enough memory? What is done is kept where a folder was given."
    )


def _round(
    distributed: Any,
    client: Any,
    work: Callable[[Any, Task], Any],
    shared: object,
    tasks: Mapping[int, Task],
) -> Iterator[tuple[int, Any]]:
    """Results of the tasks that could be done before everything was lost, if it was."""
    # A task of its own rather than data scattered over workers: the scheduler can mostly make it
    # again by itself.
    everywhere = client.submit(_itself, shared, pure=False, retries=_RETRIES)
    # pure=False: a task of an earlier call must not be taken for one of this call
    futures = {
        client.submit(work, everywhere, task, pure=False, retries=_RETRIES): position
        for position, task in list(tasks.items())
    }
    try:
        for future, result in distributed.as_completed(list(futures), with_results=True):
            position = futures.pop(future)
            if future.status == "finished":
                yield position, result
            future.release()
    finally:
        client.cancel([*futures, everywhere])


def _itself(shared: object) -> object:
    return shared


def connected(client: Any) -> Any:
    """The client, if it is one.

    Parameters
    ----------
    client : distributed.Client

    Returns
    -------
    distributed.Client

    Raises
    ------
    DataError
        If it is something else.
    ModelError
        If ``distributed`` is not installed.
    """
    if not isinstance(client, _distributed().Client):
        raise DataError(f"client must be a distributed Client; got {client!r}.")
    return client


def asked(client: Any, futures: Sequence[Any]) -> list[Any]:
    """Results of a few tasks, in order.

    Parameters
    ----------
    client : distributed.Client
    futures : sequence of Future

    Returns
    -------
    list

    Raises
    ------
    FitError
        If workers die again and again.
    """
    try:
        return list(client.gather(list(futures)))
    except _distributed().KilledWorker as error:
        raise FitError(
            f"Workers of the cluster died again and again ({error}). Have they enough memory?"
        ) from None


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise ModelError(
            "Running on several processes needs the package distributed "
            "(pip install 'secr-nea[cluster]'); client='loop' works without it."
        ) from None
    return distributed


@contextmanager
def _local_client(distributed: Any, workers: int | None) -> Iterator[Any]:
    """A cluster of processes on this machine, one thread each.

    The processes are started anew rather than forked or spawned from this one, so that a script
    needs no ``if __name__ == "__main__"``. Windows has no such way: a script needs the guard there.
    """
    number = workers or _processors()
    if sys.platform == "win32":  # pragma: no cover
        cluster = distributed.LocalCluster(
            n_workers=number, threads_per_worker=1, dashboard_address=":0", env=_ONE_THREAD
        )
    else:
        from distributed.deploy.subprocess import SubprocessCluster

        cluster = SubprocessCluster(
            n_workers=number,
            threads_per_worker=1,
            dashboard_address=":0",
            worker_kwargs={"env": _ONE_THREAD},
            silence_logs=50,
        )
    with cluster, distributed.Client(cluster) as client:
        yield client


def _processors() -> int:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return int(usable or 1)
