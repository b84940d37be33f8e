"""The only door to numba: how kernels are compiled, and on how many threads tiles run."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeVar, cast

import numba
from numba import types
from numba.extending import intrinsic

Function = TypeVar("Function", bound=Callable[..., Any])
Task = TypeVar("Task")

JIT_DISABLED: bool = bool(numba.config.DISABLE_JIT)  # type: ignore[attr-defined]
PIECES = 2
"""Parts of the work for each thread: more balance better, fewer cost less to hand over."""
_CACHE = os.environ.get("SECR_NEA_CACHE", "1") != "0"


def kernel(function: Function) -> Function:
    """Compile a kernel: cached on disk, without the GIL, with NumPy's error rules.

    Sums may be reordered so that they vectorise; infinities and nans keep their meaning
    (plain ``fastmath=True`` would turn a log-sum-exp of all ``-inf`` into nan).
    """
    compiled = numba.njit(
        cache=_CACHE,
        nogil=True,
        error_model="numpy",
        fastmath={"reassoc", "contract", "arcp", "nsz"},
    )
    return cast(Function, compiled(function))


def inlined(function: Function) -> Function:
    """Compile a scalar function into the kernels that call it; its sums keep their order."""
    compiled = numba.njit(forceinline=True, error_model="numpy", fastmath={"contract", "nsz"})
    return cast(Function, compiled(function))


@intrinsic
def _bits_to_float_intrinsic(typingctx: Any, bits: Any) -> Any:
    """Read the 64 bits of an integer as a double."""
    from llvmlite import ir

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), generate


# Inside compiled code the typing context is passed by numba; these names show the call as it is.
_bits_to_float = cast(Callable[[Any], float], _bits_to_float_intrinsic)


def _exp(x: float) -> float:
    """Exponential that LLVM can vectorise: 0.7 ns instead of 4.3 ns a call inside a loop.

    Range reduction x = n log 2 + r with abs(r) <= log(2) / 2, Taylor polynomial of degree 13 for
    exp(r), and 2^n put into the exponent bits. Error below 1.5 units in the last place for
    -708 <= x <= 709; 0 below that range (exp(-708) is 3e-308), exp(709) above it, nan for nan.
    """
    bounded = min(max(x, -708.0), 709.0)
    # Adding and subtracting 1.5 * 2^52 rounds to the nearest integer without a branch.
    n = (bounded * 1.4426950408889634 + 6755399441055744.0) - 6755399441055744.0
    r = bounded - n * 6.93147180369123816490e-01
    r = r - n * 1.90821492927058770002e-10
    p = 1.6059043836821613e-10
    p = p * r + 2.08767569878681e-09
    p = p * r + 2.505210838544172e-08
    p = p * r + 2.755731922398589e-07
    p = p * r + 2.7557319223985893e-06
    p = p * r + 2.48015873015873e-05
    p = p * r + 1.984126984126984e-04
    p = p * r + 1.388888888888889e-03
    p = p * r + 8.333333333333333e-03
    p = p * r + 4.1666666666666664e-02
    p = p * r + 1.6666666666666666e-01
    p = p * r + 0.5
    p = p * r * r + r + 1.0
    value = p * _bits_to_float((types.int64(n) + 1023) << 52)  # type: ignore[call-overload]
    return value if x >= -708.0 else (0.0 if x < -708.0 else x)


def _exp_without_jit(x: float) -> float:
    """The C library's exponential within the bounds of `_exp`: there are no bit casts here."""
    return math.exp(min(x, 709.0)) if x >= -708.0 else (0.0 if x < -708.0 else x)


exp: Callable[[float], float]
exp = _exp_without_jit if JIT_DISABLED else inlined(_exp)


@intrinsic
def _float_to_bits_intrinsic(typingctx: Any, number: Any) -> Any:
    """Read the 64 bits of a double as an integer."""
    from llvmlite import ir

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), generate


_float_to_bits = cast(Callable[[float], int], _float_to_bits_intrinsic)


def _log(x: float) -> float:
    """Logarithm that LLVM can vectorise, for normal numbers x > 0 (others are not looked for).

    x = 2^k m with m between sqrt(1/2) and sqrt(2); log m = 2 atanh(s), s = (m - 1) / (m + 1),
    by its series to s^21. Error below 3 units in the last place.
    """
    bits = _float_to_bits(x)
    # Subtracting the bits of sqrt(1/2) makes the exponent step at m = sqrt(2), not at m = 2.
    k = (bits - 4604544271217802189) >> 52
    m = _bits_to_float(bits - (k << 52))
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    p = 2.0 / 21.0
    p = p * z + 2.0 / 19.0
    p = p * z + 2.0 / 17.0
    p = p * z + 2.0 / 15.0
    p = p * z + 2.0 / 13.0
    p = p * z + 2.0 / 11.0
    p = p * z + 2.0 / 9.0
    p = p * z + 2.0 / 7.0
    p = p * z + 2.0 / 5.0
    p = p * z + 2.0 / 3.0
    n = float(k)
    return n * 6.93147180369123816490e-01 + (2.0 * s + (s * z * p + n * 1.90821492927058770002e-10))


log: Callable[[float], float]
log = math.log if JIT_DISABLED else inlined(_log)


@lru_cache(maxsize=4)
def _pool(n_threads: int) -> ThreadPoolExecutor:
    """One pool of threads for each size, kept for the life of the process."""
    return ThreadPoolExecutor(n_threads, thread_name_prefix="secr_nea")


_threads = 0


def set_threads(n_threads: int) -> None:
    """Set on how many threads large likelihoods are evaluated.

    The value of a likelihood is the same, bit for bit, for any number of threads.

    Parameters
    ----------
    n_threads : int
        Number of threads, at least 1.

    Raises
    ------
    ValueError
        If ``n_threads`` is below 1.
    """
    global _threads
    if int(n_threads) < 1:
        raise ValueError(f"n_threads must be at least 1; got {n_threads}.")
    _threads = int(n_threads)


def get_threads() -> int:
    """Tell on how many threads large likelihoods are evaluated.

    Returns
    -------
    int
        The number given to `set_threads`, else the environment variable SECR_NEA_THREADS, else
        the number of processors that this process may use (at most 8).
    """
    if _threads:
        return _threads
    asked = os.environ.get("SECR_NEA_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(usable or 1, 8)


def run_tasks(work: Callable[[Sequence[Task]], None], tasks: Sequence[Task], threads: int) -> None:
    """Do all tasks, in runs of neighbours that whichever thread is free takes next.

    The caller works too, from the first task on, the others from the last. A thread that has not
    begun when everything is taken is not waited for, so that on a busy machine several threads
    take hardly longer than one.

    Parameters
    ----------
    work : callable
        Does a sequence of tasks, writing each task's result to a place of its own.
    tasks : sequence
        All tasks.
    threads : int
        How many threads to use; 1 runs them here.
    """
    threads = min(threads, len(tasks))
    if threads <= 1:
        work(tasks)
        return
    n_parts = min(PIECES * threads, len(tasks))
    edges = [len(tasks) * i // n_parts for i in range(n_parts + 1)]
    waiting = deque(tasks[a:b] for a, b in pairwise(edges))

    def take(next_part: Callable[[], Sequence[Task]]) -> None:
        while True:
            try:
                part = next_part()
            except IndexError:
                return
            work(part)

    pool = _pool(threads - 1)
    others = [pool.submit(take, waiting.pop) for _ in range(threads - 1)]
    try:
        take(waiting.popleft)
    finally:
        waiting.clear()
        begun = [other for other in others if not other.cancel()]
        wait(begun)
    for other in begun:
        other.result()
