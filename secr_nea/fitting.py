"""The friendly layer: `fit` a model to surveys, and a `FitResult` that answers questions."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from secr_nea import inference, resampling
from secr_nea._typing import FloatArray, PathLike
from secr_nea.border import Transboundary, transboundary
from secr_nea.design.streams import Seed
from secr_nea.design.survey_simulation import simulate_survey
from secr_nea.detection import DetectionFunction
from secr_nea.distances import Metric
from secr_nea.errors import ModelError, SecrWarning
from secr_nea.estimate import Estimate
from secr_nea.inference.doubts import doubts
from secr_nea.io.geo_files import write_geopackage
from secr_nea.io.secr_write import write_secr
from secr_nea.io.table_files import write_tables
from secr_nea.mask import HabitatMask
from secr_nea.maximise import maximise
from secr_nea.model import Model
from secr_nea.report import write_report
from secr_nea.report.tables import data_summary
from secr_nea.results_text import result_html, result_text
from secr_nea.survey import Survey

if TYPE_CHECKING:
    import xarray


class FitResult(Estimate):
    """A fitted model: coefficients, diagnosis, and methods that answer questions; read-only.

    Made by `fit`. Every method is a door to the function of the same name.

    Attributes
    ----------
    model : Model
    coefficients : float64 array, shape (n_coefficients,)
        Link scale.
    covariance : float64 array, shape (n_coefficients, n_coefficients)
    log_likelihood : float
    diagnosis : Diagnosis
    smoothing : Smoothing or None
        Smoothing parameters and effective degrees of freedom of penalised smooths.
    """

    @classmethod
    def of(cls, estimate: Estimate) -> FitResult:
        """The same estimate with the methods of a fit."""
        return cls(**{field.name: getattr(estimate, field.name) for field in fields(Estimate)})

    def real_parameters(self, *, level: float = 0.95) -> pd.DataFrame:
        """Real parameters at reference covariates; see `secr_nea.inference.real_parameters`."""
        return inference.real_parameters(self, level=level)

    def predict(
        self,
        newdata: pd.DataFrame | Mapping[str, Any] | None = None,
        *,
        parameters: list[str] | None = None,
        level: float = 0.95,
    ) -> pd.DataFrame:
        """Real parameters at new covariates; see `secr_nea.inference.predict`."""
        return inference.predict(self, newdata, parameters=parameters, level=level)

    def pdot(
        self,
        xy: FloatArray | None = None,
        *,
        survey: str | None = None,
        group: str | None = None,
    ) -> FloatArray:
        """Probability of detection by activity centre; see `secr_nea.inference.pdot`."""
        return inference.pdot(self, xy, survey=survey, group=group)

    def effective_sampling_area(self, *, level: float = 0.95) -> pd.DataFrame:
        """Effective sampling area, km2; see `secr_nea.inference.effective_sampling_area`."""
        return inference.effective_sampling_area(self, level=level)

    def density_surface(
        self,
        *,
        survey: str | None = None,
        group: str | None = None,
        mask: HabitatMask | None = None,
        level: float = 0.95,
    ) -> xarray.Dataset:
        """Density per 100 km2 on its grid; see `secr_nea.inference.density_surface`."""
        return inference.density_surface(self, survey=survey, group=group, mask=mask, level=level)

    def extrapolation(
        self,
        mask: HabitatMask | None = None,
        *,
        survey: str | None = None,
        group: str | None = None,
    ) -> pd.DataFrame:
        """Covariates beyond what was sampled; see `secr_nea.inference.extrapolation`."""
        return inference.extrapolation(self, mask, survey=survey, group=group)

    def abundance(
        self,
        region: Any = None,
        *,
        by: str | None = None,
        survey: str | None = None,
        mask: HabitatMask | None = None,
        level: float = 0.95,
        variance: str = "auto",
    ) -> pd.DataFrame:
        """Expected and realised numbers by region; see `secr_nea.inference.abundance`."""
        return inference.abundance(
            self, region=region, by=by, survey=survey, mask=mask, level=level, variance=variance
        )

    def rate_of_increase(
        self,
        *,
        times: Sequence[float] | str | None = None,
        mask: HabitatMask | None = None,
        group: str | None = None,
        level: float = 0.95,
    ) -> pd.DataFrame:
        """Finite rate of increase between surveys; see `secr_nea.inference.rate_of_increase`."""
        return inference.rate_of_increase(self, times=times, mask=mask, group=group, level=level)

    def profile_pmix(self, values: Sequence[float] | None = None) -> pd.DataFrame:
        """Log-likelihood along pmix; see `secr_nea.inference.profile_pmix`."""
        return inference.profile_pmix(self, values)

    def absolute_density(self) -> FitResult:
        """The full fit that relative density implies; see `secr_nea.inference.absolute_density`."""
        return FitResult.of(inference.absolute_density(self))

    def activity_center(self, animal: str, *, survey: str | None = None) -> xarray.DataArray:
        """Where an animal lives; see `secr_nea.inference.activity_center`."""
        return inference.activity_center(self, animal, survey=survey)

    def activity_centers(self, *, survey: str | None = None) -> xarray.Dataset:
        """Where all detected animals live; see `secr_nea.inference.activity_centers`."""
        return inference.activity_centers(self, survey=survey)

    def activity_shares(
        self, region: Any, *, by: str | None = None, survey: str | None = None
    ) -> pd.DataFrame:
        """Share of each animal's centre by region; see `secr_nea.inference.activity_shares`."""
        return inference.activity_shares(self, region, by=by, survey=survey)

    def expected_use(
        self,
        *,
        animal: str | None = None,
        survey: str | None = None,
        group: str | None = None,
        progress: bool = True,
    ) -> xarray.DataArray:
        """How much each place is used; see `secr_nea.inference.expected_use`."""
        return inference.expected_use(
            self, animal=animal, survey=survey, group=group, progress=progress
        )

    def transboundary(self, countries: Any, **options: Any) -> Transboundary:
        """What both sides of a border ask for; see `transboundary`."""
        return transboundary(self, countries, **options)

    def profile_interval(
        self,
        what: str | Sequence[str] = "density",
        *,
        newdata: pd.DataFrame | Mapping[str, Any] | None = None,
        region: Any = None,
        by: str | None = None,
        survey: str | None = None,
        level: float = 0.95,
    ) -> pd.DataFrame:
        """Profile-likelihood intervals; see `secr_nea.inference.profile_interval`."""
        return inference.profile_interval(
            self, what, newdata=newdata, region=region, by=by, survey=survey, level=level
        )

    def bootstrap(
        self,
        what: str | Sequence[str] | Mapping[str, Callable[[FitResult], float]] = "density",
        *,
        n_replicates: int = 200,
        seed: resampling.Seed = 1,
        newdata: pd.DataFrame | Mapping[str, Any] | None = None,
        region: Any = None,
        by: str | None = None,
        survey: str | None = None,
        progress: bool = True,
    ) -> resampling.Bootstrap:
        """Estimates of simulated surveys; see `secr_nea.resampling.bootstrap`."""
        return resampling.bootstrap(
            self,
            _of_estimates(what) if isinstance(what, Mapping) else what,
            n_replicates=n_replicates,
            seed=seed,
            newdata=newdata,
            region=region,
            by=by,
            survey=survey,
            progress=progress,
        )

    def goodness_of_fit(
        self,
        *,
        n_replicates: int = 200,
        seed: resampling.Seed = 1,
        progress: bool = True,
    ) -> resampling.GoodnessOfFit:
        """Monte Carlo tests of the fit; see `secr_nea.resampling.goodness_of_fit`."""
        return resampling.goodness_of_fit(
            self, n_replicates=n_replicates, seed=seed, progress=progress
        )

    def residuals(self, *, survey: str | None = None) -> pd.DataFrame:
        """Residuals of each detector; see `secr_nea.inference.detector_residuals`."""
        return inference.detector_residuals(self, survey=survey)

    def score_test(self, **formulas: str) -> inference.NestedTest:
        """Whether more terms would help; see `secr_nea.inference.score_test`."""
        return inference.score_test(self, **formulas)

    def sensitivity(self, **scenarios: Any) -> pd.DataFrame:
        """The same model with other masks and data; see `secr_nea.inference.sensitivity`."""
        return inference.sensitivity(self, **scenarios)

    def simulate(self, *, seed: Seed = None) -> Survey | tuple[Survey, ...]:
        """New surveys from the fitted model; see `secr_nea.design.simulate_survey`."""
        return simulate_survey(self.model, self.coefficients, seed=seed)

    def report(
        self,
        folder: PathLike,
        region: Any = None,
        *,
        by: str | None = None,
        title: str | None = None,
        note: str | None = None,
        level: float = 0.95,
        public: bool = False,
        **tables: Any,
    ) -> Path:
        """Write a results folder; see `secr_nea.report.write_report` for what it may hold."""
        return write_report(
            self,
            folder,
            regions=region,
            by=by,
            title=title,
            note=note,
            level=level,
            public=public,
            **tables,
        )

    def to_secr(self, folder: PathLike) -> Path:
        """Files for R secr and a script that repeats the fit; see `secr_nea.write_secr`."""
        return write_secr(folder, self)

    def to_geopackage(self, path: PathLike) -> Path:
        """Traps, detections, mask and density for a GIS; see `secr_nea.write_geopackage`."""
        return write_geopackage(path, self)

    def to_tables(self, path: PathLike, *, level: float = 0.95) -> list[Path]:
        """Coefficients, real parameters and data as .xlsx or CSV; see `secr_nea.write_tables`."""
        tables = {
            "coefficients": self.coefficient_table(level).reset_index(),
            "data": data_summary(self).rename_axis("fact").reset_index(),
        }
        if self.diagnosis.converged:
            tables["real_parameters"] = inference.real_parameters(self, level=level)
        return write_tables(tables, path)

    def __repr__(self) -> str:
        formulas = ", ".join(f"{name} {p.text}" for name, p in self.model.parameters.items())
        return (
            f"FitResult({self.model.detection.name}; {formulas}; "
            f"logL {self.log_likelihood:.3f}, AICc {self.aicc:.2f}; {self.diagnosis.message})"
        )

    def __str__(self) -> str:
        return result_text(self)

    def _repr_html_(self) -> str:
        return result_html(self)


def _of_estimates(
    what: Mapping[str, Callable[[FitResult], float]],
) -> dict[str, resampling.Derived]:
    """Functions of a fit as functions of an estimate, which has no methods."""

    def of_estimate(find: Callable[[FitResult], float]) -> resampling.Derived:
        return lambda estimate: find(FitResult.of(estimate))

    # anything else is refused by the bootstrap
    return {name: of_estimate(find) if callable(find) else find for name, find in what.items()}


def fit(
    surveys: Survey | Sequence[Survey] | Model,
    *,
    detection: str | DetectionFunction = "hazard_half_normal",
    fixed: Mapping[str, float] | None = None,
    links: Mapping[str, str] | None = None,
    population: str = "poisson",
    classes: str | int | None = None,
    groups: str | None = None,
    smallest_sigma: float | None = None,
    distance: Metric | None = None,
    start: Estimate | Mapping[str, float] | None = None,
    progress: bool = True,
    client: Any = None,
    **formulas: str,
) -> FitResult:
    """Estimate density and detection by maximum likelihood.

    Parameters
    ----------
    surveys : Survey, sequence of Survey, or Model
        Data, or a model that is already put together.
    detection : str or DetectionFunction
        Full name such as ``"hazard_half_normal"`` or R's code such as ``"HHN"``.
    fixed : mapping of str to float, optional
        Real parameters held at a natural-scale value.
    links : mapping of str to str, optional
        Link of a real parameter where the default does not suit.
    population : {"poisson", "binomial", "conditional"}
        Distribution of the number of animals; ``"conditional"`` leaves density out, or, with a
        formula for ``D``, estimates relative density.
    classes : str or int, optional
        Animal covariate such as ``"sex"`` (missing = unknown), or 2 or 3 latent classes.
    groups : str, optional
        Complete animal covariate whose levels have densities of their own.
    smallest_sigma : float, metres, optional
        Smallest plausible sigma: integrals over searches are exact down to it; see `Model`.
    distance : Metric, optional
        How distances are measured, straight by default: ``LeastCost(...)``,
        ``CommuteDistance(...)``, ``AnisotropicDistance()`` or ``GivenDistance(matrix)``. A formula
        for ``noneuc`` (friction of the cells, by mask covariates) alone asks for ``LeastCost()``.
    start : FitResult or mapping of coefficient name to float, optional
        Where to start; coefficients are matched by name, so a simpler fit will do.
    progress : bool
        Whether to show a progress bar when the fit lasts.
    client : distributed.Client, optional
        Cluster whose workers evaluate the surveys side by side, to the same estimates; worth its
        while for many large surveys.
    **formulas : str
        Formula of each real parameter, ``"~ 1"`` unless given: ``D`` (animals per 100 km2),
        ``lambda0`` or ``g0`` (per unit effort) or ``a0`` (km2 per unit effort), ``sigma``
        (metres), ``z``, ``w``. Smooth functions are ``s(rugged, k=8)`` or ``s(x, y, k=15)``,
        penalised unless ``fx=True``.

    Returns
    -------
    FitResult
        Its ``diagnosis`` says whether the estimates can be used.

    Raises
    ------
    ModelError, FormulaError
        If the model cannot be built.
    FitError
        If nothing was detected or the data are impossible.

    Examples
    --------
    >>> import secr_nea as sn
    >>> result = sn.fit(sn.datasets.sailugem(), D="~ ruggedness_std", lambda0="~ topography")
    >>> result.diagnosis.converged
    True
    """
    if isinstance(surveys, Model):
        given = bool(formulas or fixed or links or classes or groups or smallest_sigma)
        given |= population != "poisson" or distance is not None
        if given or detection != "hazard_half_normal":
            raise ModelError("A Model is complete; give formulas and options when building it.")
        model = surveys
    else:
        model = Model(
            surveys,
            detection=detection,
            fixed=fixed,
            links=links,
            population=population,
            classes=classes,
            groups=groups,
            smallest_sigma=smallest_sigma,
            distance=distance,
            **formulas,
        )
    if isinstance(start, Estimate):
        start = dict(zip(start.names, start.coefficients.tolist(), strict=True))
    if start is not None and not (
        isinstance(start, Mapping) and set(start) & set(model.coefficient_names)
    ):
        raise ModelError(
            "start must be a fit, or a mapping of coefficient names to numbers, with names of this "
            f"model: {', '.join(model.coefficient_names)}."
        )
    for name, value in (start or {}).items():
        if not isinstance(value, Real) or not math.isfinite(value):
            raise ModelError(f"start has no finite number for {name}: got {value!r}.")
    result = FitResult.of(maximise(model, start=start, progress=progress, client=client))
    for doubt in doubts(result):
        warnings.warn(doubt, SecrWarning, stacklevel=2)
    return result
