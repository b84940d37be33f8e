"""How the data of a model fall into populations, and each population into blocks of classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from secr_nea._typing import FloatArray, IntArray
from secr_nea.likelihood.grid import thinning
from secr_nea.likelihood.histories import history_constant
from secr_nea.likelihood.tables import Block, build_block
from secr_nea.model import Model


@dataclass(frozen=True)
class Population:
    """Animals that share one density: a survey, or one group of a survey.

    Parameters
    ----------
    survey : int
        Which survey.
    group : int
        Which group; 0 without groups.
    classes : tuple of int
        Class of each block.
    blocks : tuple of Block
        One for each class of animals; classes share the animals whose class is not known.
    density_rows : int64 array, shape (n_points,)
        Distinct row of the density design of each mask point; empty without a density.
    points : int64 array, shape (n_points,)
        Which points of the survey's mask they are.
    n_by_pattern : float64 array, shape (n_patterns,)
        Animals with each combination of covariates.
    n_animals : int
        Animals of the survey (of all groups).
    constant : float
        Part of the log-likelihood that does not depend on parameters.
    """

    survey: int
    group: int
    classes: tuple[int, ...]
    blocks: tuple[Block, ...]
    density_rows: IntArray
    points: IntArray
    n_by_pattern: FloatArray
    n_animals: int
    constant: float

    def thinned(self, every: int) -> Population:
        """The same animals over about every so many-th mask point."""
        kept = thinning(self.blocks[0].points, every)
        return replace(
            self,
            blocks=tuple(block.thinned(kept) for block in self.blocks),
            density_rows=self.density_rows[kept] if len(self.density_rows) else self.density_rows,
            points=self.points[kept],
        )

    def animal_log(self, block_logs: list[FloatArray]) -> FloatArray:
        """Log sums of the animals of the survey over all blocks.

        Parameters
        ----------
        block_logs : list of float64 arrays, one per block, each (n_animals of the block,)

        Returns
        -------
        float64 array, shape (n_animals,)
            Minus infinity for animals of other groups.
        """
        total = np.full(self.n_animals, -np.inf)
        for block, logs in zip(self.blocks, block_logs, strict=True):
            total[block.animals] = np.logaddexp(total[block.animals], logs)
        return total

    @property
    def members(self) -> IntArray:
        """Animals of the survey that belong to this population."""
        return np.unique(np.concatenate([block.animals for block in self.blocks]))


def populations_of(model: Model, surveys: Sequence[int] | None = None) -> tuple[Population, ...]:
    """All populations of a model, survey after survey and group after group.

    Parameters
    ----------
    model : Model
    surveys : sequence of int, optional
        Only those of these surveys.

    Returns
    -------
    tuple of Population
    """
    individuals = model.individuals
    groups = range(individuals.n_levels) if individuals.grouped else range(1)
    found = []
    start = 0
    density_rows = model.parameters["D"].row_of if "D" in model.parameters else None
    for b, survey in enumerate(model.surveys):
        for g in groups:
            stop = start + survey.mask.n_points
            rows = np.zeros(0, dtype=np.int64) if density_rows is None else density_rows[start:stop]
            if surveys is None or b in surveys:
                found.append(_population(model, b, g, rows))
            start = stop
    return tuple(found)


def _population(model: Model, b: int, g: int, density_rows: IntArray) -> Population:
    individuals = model.individuals
    own = individuals.surveys[b]
    classes = (g,) if individuals.grouped else tuple(range(individuals.n_levels))
    blocks = []
    for c in classes:
        possible = own.class_of == c
        if individuals.is_mixture:
            possible |= own.class_of < 0
        blocks.append(
            build_block(
                model.surveys[b],
                model.detection_rows.rows[b][c],
                model.detection_parameters,
                np.flatnonzero(possible),
                own.pattern_of,
                individuals.response,
                model.smallest_sigma,
            )
        )
    members = (
        np.flatnonzero(own.class_of == g) if individuals.grouped else np.arange(len(own.class_of))
    )
    return Population(
        survey=b,
        group=g,
        classes=classes,
        blocks=tuple(blocks),
        density_rows=density_rows,
        points=np.arange(model.surveys[b].mask.n_points),
        n_by_pattern=np.bincount(own.pattern_of[members], minlength=len(own.patterns)).astype(
            np.float64
        ),
        n_animals=len(own.class_of),
        constant=history_constant(model.surveys[b], members),
    )
