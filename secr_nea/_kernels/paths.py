"""Least-cost paths over a grid: step costs, shortest paths from one cell, and their adjoint.

Shapes: n cells, K steps (4, 8 or 16 neighbours). ``table[u, k]`` is the cell that step k leads to
from cell u, or -1 where there is none.
"""

from __future__ import annotations

import numpy as np

from secr_nea._numba import inlined, kernel
from secr_nea._typing import FloatArray, Int32Array, IntArray

MEAN_FRICTION, MEAN_CONDUCTANCE, GEOMETRIC, LARGER_CONDUCTANCE = 0, 1, 2, 3
"""How the frictions of two cells make that of the step between them."""


@inlined
def _step_friction(a: float, b: float, average: int) -> float:
    """Friction of a step between cells of friction a and b; conductance is 1 / friction."""
    if average == MEAN_FRICTION:
        return (a + b) * 0.5
    if average == MEAN_CONDUCTANCE:
        return 2.0 * a * b / (a + b)
    if average == GEOMETRIC:
        return float(np.sqrt(a * b))
    return min(a, b)


@inlined
def _share(own: float, other: float, average: int) -> float:
    """d log(step friction) / d log(own friction)."""
    if average == MEAN_FRICTION:
        return own / (own + other)
    if average == MEAN_CONDUCTANCE:
        return other / (own + other)
    if average == GEOMETRIC or own == other:
        return 0.5
    return 1.0 if own < other else 0.0


@kernel
def step_costs(
    table: Int32Array,
    lengths: FloatArray,
    friction: FloatArray,
    extra: FloatArray,
    average: int,
    cost: FloatArray,
) -> None:
    """cost[u, k] = lengths[k] x friction of the step + extra[u, k]; infinite where no step is.

    extra has shape (0, 0) where there is none.
    """
    has_extra = extra.size > 0
    for u in range(table.shape[0]):
        for k in range(table.shape[1]):
            v = table[u, k]
            if v < 0:
                cost[u, k] = np.inf
                continue
            cost[u, k] = lengths[k] * _step_friction(friction[u], friction[v], average)
            if has_extra:
                cost[u, k] += extra[u, k]


@kernel
def shortest_paths(
    source: int,
    table: Int32Array,
    cost: FloatArray,
    width: float,
    n_buckets: int,
    limit: float,
    distance: FloatArray,
    parent: Int32Array,
) -> None:
    """Least cost from one cell to all others, and the cell before each on its path.

    Dijkstra's algorithm with a ring of buckets in place of a heap (Dial 1969; Denardo & Fox 1979,
    Operations Research 27, 161-186). No step costs less than ``width``, so the cells of the lowest
    bucket are final; ``n_buckets``, a power of two, x ``width`` exceeds the dearest step. Cells
    farther than ``limit`` are not reached. Writes distance (n,), infinite where not reached, and
    parent (n,), -1 at the source and where not reached.
    """
    n = table.shape[0]
    first = np.full(n_buckets, -1, np.int32)
    after = np.empty(n, np.int32)
    before = np.empty(n, np.int32)
    bucket = np.full(n, -1, np.int64)
    for v in range(n):
        distance[v] = np.inf
        parent[v] = -1
    distance[source] = 0.0
    first[0] = source
    after[source] = -1
    before[source] = -1
    bucket[source] = 0
    waiting = 1
    per_width = 1.0 / width
    ring = n_buckets - 1  # x & ring is x modulo n_buckets
    lowest = 0
    while waiting > 0 and lowest * width <= limit:
        slot = lowest & ring
        while first[slot] >= 0:
            u = first[slot]
            first[slot] = after[u]
            if after[u] >= 0:
                before[after[u]] = -1
            bucket[u] = -1
            waiting -= 1
            here = distance[u]
            for k in range(table.shape[1]):
                v = table[u, k]
                if v < 0:
                    continue
                there = here + cost[u, k]
                if not there < distance[v]:
                    continue
                distance[v] = there
                parent[v] = u
                new = np.int64(there * per_width)
                old = bucket[v]
                if new == old:
                    continue
                if old >= 0:
                    if before[v] >= 0:
                        after[before[v]] = after[v]
                    else:
                        first[old & ring] = after[v]
                    if after[v] >= 0:
                        before[after[v]] = before[v]
                    waiting -= 1
                place = new & ring
                after[v] = first[place]
                before[v] = -1
                if first[place] >= 0:
                    before[first[place]] = v
                first[place] = v
                bucket[v] = new
                waiting += 1
        lowest += 1
    for v in range(n):
        if distance[v] > limit:
            distance[v] = np.inf
            parent[v] = -1


@kernel
def carry_to_source(parent: Int32Array, flow: FloatArray) -> None:
    """Add what belongs to every cell to all cells on its path: flow (n,), changed in place.

    One pass over the tree from its leaves, so that a cell has all of its branches before it is
    handed on; afterwards flow[v] is the sum over all cells whose path ends at or passes v.
    """
    n = parent.size
    branches = np.zeros(n, np.int32)
    for v in range(n):
        if parent[v] >= 0:
            branches[parent[v]] += 1
    for leaf in range(n):
        v = leaf
        while branches[v] == 0:
            branches[v] = -1
            up = parent[v]
            if up < 0:
                break
            flow[up] += flow[v]
            branches[up] -= 1
            v = up


@kernel
def add_crossed(
    parent: Int32Array,
    flow: FloatArray,
    column: IntArray,
    row: IntArray,
    lookup: Int32Array,
    out: FloatArray,
) -> None:
    """Add the flow of each knight's move to the two cells that its line leads across.

    Those are the next cell along its longer side, on the row or column of either end. The table of
    cells, lookup, is shifted by 2, with -1 where there is none.
    """
    for v in range(parent.size):
        up = parent[v]
        if up < 0:
            continue
        right, down = column[up] - column[v], row[up] - row[v]
        if abs(right) + abs(down) != 3:
            continue
        for end in range(2):
            across = right // 2 if abs(right) == 2 else end * right
            along = down // 2 if abs(down) == 2 else end * down
            cell = lookup[row[v] + along + 2, column[v] + across + 2]
            if cell >= 0:
                out[cell] += flow[v]


@kernel
def friction_adjoint(
    distance: FloatArray,
    parent: Int32Array,
    flow: FloatArray,
    friction: FloatArray,
    table: Int32Array,
    extra: FloatArray,
    average: int,
    out: FloatArray,
) -> None:
    """Add d L / d log friction of every cell to out (n,).

    flow (n,), after `carry_to_source`, is d L / d cost of the step that leads to each cell. A step
    of cost c (without what is extra) changes by c x share with the logarithm of the friction of
    either end.
    """
    has_extra = extra.size > 0
    for v in range(parent.size):
        u = parent[v]
        if u < 0 or flow[v] == 0.0:
            continue
        cost = distance[v] - distance[u]
        if has_extra:
            for k in range(table.shape[1]):
                if table[v, k] == u:
                    cost -= extra[v, k]
                    break
        own = _share(friction[v], friction[u], average)
        out[v] += flow[v] * cost * own
        out[u] += flow[v] * cost * (1.0 - own)
