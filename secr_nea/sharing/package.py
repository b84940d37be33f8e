"""A folder with surveys for oneself or for a partner, and the surveys read back from it."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from secr_nea._checks import did_you_mean, listed
from secr_nea._typing import PathLike
from secr_nea._version import __version__
from secr_nea.captures import CaptureHistory
from secr_nea.errors import DataError
from secr_nea.mask import HabitatMask
from secr_nea.mask_builders import in_crs, read_layer
from secr_nea.sharing.motion import RigidMotion
from secr_nea.sharing.pseudonyms import pseudonym, pseudonyms, telling_columns
from secr_nea.sharing.tables import read_table, write_table
from secr_nea.survey import Survey, as_surveys
from secr_nea.traps import TrapArray

LEVELS = ("private", "partner")
MANIFEST = "manifest.json"

WARNING = (
    "A rigid motion hides where the survey is from whoever does not know the area. The outline of "
    "the mask, regions and covariates such as elevation can still be matched with a map: give this "
    "package to people you trust, leave out covariates that the model does not need (drop=), and "
    "keep the key to yourselves."
)


@dataclass(frozen=True)
class _Disguise:
    """What is done to coordinates, names and covariates; nothing at the level "private"."""

    motion: RigidMotion | None
    key: str
    keep: tuple[str, ...]
    drop: tuple[str, ...]

    def move(self, xy: Any) -> Any:
        return xy if self.motion is None else self.motion.apply(xy)

    def move_geometry(self, geometry: Any) -> Any:
        return geometry if self.motion is None else self.motion.apply_geometry(geometry)

    def names(self, names: Sequence[str], kind: str) -> list[str]:
        return list(names) if self.motion is None else pseudonyms(names, kind, self.key)

    def dropped(self, frame: pd.DataFrame) -> list[str]:
        telling = [] if self.motion is None else telling_columns(frame, self.keep)
        return list(dict.fromkeys([*telling, *(c for c in map(str, frame) if c in self.drop)]))

    def covariates(self, frame: pd.DataFrame, what: str, removed: list[str]) -> pd.DataFrame:
        gone = self.dropped(frame)
        removed += [f"{what} covariate {name!r}" for name in gone]
        return frame.drop(columns=gone)


def share(
    surveys: Survey | Sequence[Survey],
    folder: PathLike,
    *,
    level: str,
    key: str = "",
    regions: Any = None,
    keep: Sequence[str] = (),
    drop: Sequence[str] = (),
) -> Path:
    """Write surveys into a folder that `open_package` reads.

    Parameters
    ----------
    surveys : Survey or sequence of Survey
        All surveys in one coordinate reference system.
    folder : path
        New or empty.
    level : {"private", "partner"}
        ``"private"``: everything as it is. ``"partner"``: coordinates of traps, detections, mask
        and regions are turned, perhaps mirrored, and shifted together by a secret motion; animals
        and traps have pseudonyms; the CRS and columns that tell places or persons are left out.
        Every log-likelihood stays the same, to rounding, except that of formulas with ``x`` or
        ``y``. For everybody else there is `share_public`.
    key : str
        Secret of at least 12 characters, for ``"partner"``. With the same key (and CRS) the
        packages of two teams fit together: places are moved alike, and the same animal has the same
        pseudonym on both sides of a border.
    regions : path, GeoDataFrame, optional
        Polygons to be moved with the data.
    keep, drop : sequence of str
        Covariates that stay though their names look like places, and covariates left out on top.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    DataError
        If the level is not known, the key too short, or the folder not empty.

    Examples
    --------
    >>> import tempfile
    >>> import secr_nea as sn
    >>> survey = sn.datasets.sailugem()
    >>> with tempfile.TemporaryDirectory() as home:
    ...     place = sn.share(survey, home + "/partner", level="partner", key="secret of two teams")
    ...     moved = sn.open_package(place)
    >>> moved.n_animals == survey.n_animals, moved.crs is None
    (True, True)
    """
    several = as_surveys(surveys)
    if level == "public":
        raise DataError("Surveys are not for the public; share results: share_public(fit, folder).")
    if level not in LEVELS:
        raise DataError(f"level must be {' or '.join(map(repr, LEVELS))}; got {level!r}.")
    crs = {survey.crs.to_wkt() if survey.crs else None for survey in several}
    if len(crs) > 1:
        raise DataError("The surveys are in different coordinate reference systems; use one.")
    _refuse_unknown(several, regions, {"keep": keep, "drop": drop})
    is_partner = level == "partner"
    disguise = _Disguise(
        RigidMotion.from_key(key) if is_partner else None, key, tuple(keep), tuple(drop)
    )
    removed = ["coordinate reference system and true coordinates"] if is_partner else []
    removed += ["names of animals and traps (pseudonyms instead)"] if is_partner else []
    home = new_folder(folder)
    told = [
        _write_survey(survey, home / f"survey_{i + 1}", disguise, removed)
        for i, survey in enumerate(several)
    ]
    if regions is not None:
        removed += _write_regions(regions, several[0], home, disguise)
    manifest = {
        "level": level,
        "made_by": f"secr_nea {__version__}",
        "read_with": "secr_nea.open_package(folder)",
        "crs": None if is_partner or None in crs else next(iter(crs)),
        "removed": list(dict.fromkeys(removed)),
        "warning": WARNING if is_partner else "True coordinates: not to be given away.",
        "surveys": told,
        "files": {name: _digest(home / name) for name in _files(home)},
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False)
    (home / MANIFEST).write_text(text + "\n", encoding="utf-8")
    return home


def _refuse_unknown(
    surveys: Sequence[Survey], regions: Any, asked: Mapping[str, Sequence[str]]
) -> None:
    """Refuse covariates that no survey has: one that is misspelt would not be left out."""
    known: list[str] = []
    for survey in surveys:
        traps, captures = survey.traps, survey.captures
        for frame in (traps.covariates, captures.covariates, survey.mask.covariates):
            known += map(str, frame)
        known += [*traps.varying_covariates, *map(str, survey.occasion_covariates)]
        known += map(str, survey.covariates)
    if regions is not None:
        layer = read_layer(regions, "regions") if isinstance(regions, str | Path) else regions
        known += map(str, layer.columns)
    known = list(dict.fromkeys(known))
    for option, names in asked.items():
        if isinstance(names, str):
            raise DataError(f"{option} must be a list of names; got {names!r}: [{names!r}].")
        absent = [name for name in names if name not in known]
        if absent:
            told = listed(f"{name!r}{did_you_mean(name, known)}" for name in absent)
            raise DataError(f"{option} names {told}, which is no covariate; there are "
                            f"{listed(known, 20)}.")  # fmt: skip


def new_folder(folder: PathLike) -> Path:
    """Make a folder; one that holds anything is refused, so that nothing is mixed up.

    Parameters
    ----------
    folder : path

    Returns
    -------
    Path

    Raises
    ------
    DataError
        If there is something in it.
    """
    home = Path(folder)
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise DataError(f"{str(home)!r} is there already; name a new or empty folder.")
    home.mkdir(parents=True, exist_ok=True)
    return home


def _write_survey(
    survey: Survey, home: Path, disguise: _Disguise, removed: list[str]
) -> dict[str, Any]:
    """Tables of one survey, and what the manifest has to say of it."""
    home.mkdir()
    traps, captures, mask = survey.traps, survey.captures, survey.mask
    trap_ids = disguise.names(traps.ids, "trap")
    animal_ids = disguise.names(captures.animal_ids, "animal")
    kinds = {}
    xy = disguise.move(traps.xy)
    base = pd.DataFrame(
        {
            "trap_id": trap_ids,
            "x": xy[:, 0],
            "y": xy[:, 1],
            "detector": list(traps.detector),
            "search": [
                None if shape is None else disguise.move_geometry(shape).wkt
                for shape in traps.searches
            ],
        }
    )
    own = disguise.covariates(traps.covariates, "trap", removed)
    kinds["traps"] = write_table(base, own, home / "traps.csv")
    effort = pd.DataFrame(traps.effort, columns=_occasions(survey))
    kinds["effort"] = write_table(effort, None, home / "effort.csv")
    varying = pd.DataFrame({name: [0] for name in traps.varying_covariates})
    for name in disguise.covariates(varying, "trap", removed):
        values = pd.DataFrame(traps.varying_covariates[str(name)], columns=_occasions(survey))
        kinds[f"varying_{name}"] = write_table(values, None, home / f"varying_{name}.csv")
    records = captures.to_dataframe()
    records["animal_id"] = records["animal_id"].map(
        dict(zip(captures.animal_ids, animal_ids, strict=True))
    )
    records["trap_id"] = records["trap_id"].map(dict(zip(traps.ids, trap_ids, strict=True)))
    if "x" in records:
        records[["x", "y"]] = disguise.move(records[["x", "y"]].to_numpy())
    kinds["detections"] = write_table(records, None, home / "detections.csv")
    who = pd.DataFrame({"animal_id": animal_ids})
    individuals = disguise.covariates(captures.covariates, "animal", removed)
    kinds["animals"] = write_table(who, individuals, home / "animals.csv")
    points = pd.DataFrame(disguise.move(mask.xy), columns=["x", "y"])
    habitat = disguise.covariates(mask.covariates, "mask", removed)
    kinds["mask"] = write_table(points, habitat, home / "mask.csv")
    by_occasion = disguise.covariates(survey.occasion_covariates, "occasion", removed)
    kinds["occasions"] = write_table(by_occasion, None, home / "occasions.csv")
    facts = disguise.covariates(pd.DataFrame([survey.covariates]), "survey", removed)
    name = survey.name
    return {
        "name": name if disguise.motion is None else pseudonym(name, "survey", disguise.key),
        "folder": home.name,
        "n_animals": survey.n_animals,
        "n_detections": survey.n_detections,
        "spacing_m": mask.spacing,
        "cell_area_km2": mask.cell_area,
        "scaling": {n: list(pair) for n, pair in mask.scaling.items() if n in habitat},
        "covariates": {str(n): _plain(facts[n].iloc[0]) for n in facts},
        "columns": kinds,
    }


def _files(home: Path) -> list[str]:
    found = (path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file())
    return sorted(found)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _refuse_damage(home: Path, files: Mapping[str, str]) -> None:
    """Refuse a package of which a file is missing or is not as it was written."""
    there = _files(home)
    absent = [name for name in files if name not in there]
    changed = [name for name in files if name in there and _digest(home / name) != files[name]]
    for names, what in ((absent, "missing"), (changed, "damaged or changed")):
        if names:
            verb = "is" if len(names) == 1 else "are"
            raise DataError(
                f"{str(home)!r}: {listed(names)} {verb} {what}. Ask for the package again; "
                "tables are changed before they are shared."
            )


def _occasions(survey: Survey) -> list[str]:
    return [f"occasion_{s + 1}" for s in range(survey.n_occasions)]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _write_regions(regions: Any, survey: Survey, home: Path, disguise: _Disguise) -> list[str]:
    """Moved polygons; what was left out of their table."""
    layer = read_layer(regions, "regions") if isinstance(regions, str | Path) else regions
    layer = in_crs(layer, survey.crs, "regions").copy()
    table = pd.DataFrame(layer.drop(columns=layer.geometry.name))
    # The name of a region is what numbers are asked for by: it stays, unless it is dropped.
    gone = [c for c in map(str, table) if c in disguise.drop]
    layer = layer.drop(columns=gone)
    if disguise.motion is not None:
        layer = layer.set_crs(None, allow_override=True)
        layer[layer.geometry.name] = [disguise.move_geometry(g) for g in layer.geometry]
    with warnings.catch_warnings():
        # That there is no CRS is the point.
        warnings.filterwarnings("ignore", message="'crs' was not provided")
        layer.to_file(home / "regions.gpkg", driver="GPKG")
    return [f"column {name!r} of the regions" for name in gone]


def open_package(folder: PathLike) -> Survey | tuple[Survey, ...]:
    """Read the surveys of a folder that `share` wrote.

    Parameters
    ----------
    folder : path

    Returns
    -------
    Survey or tuple of Survey
        A tuple when there are several.

    Raises
    ------
    DataError
        If the folder is no such package, or a part of it is missing or damaged.
    """
    home = Path(folder)
    if not (home / MANIFEST).is_file():
        raise DataError(
            f"{str(home)!r} is no complete package of secr_nea.share: there is no {MANIFEST} in "
            "it. Ask for it again."
        )
    try:
        manifest = json.loads((home / MANIFEST).read_text(encoding="utf-8"))
        _refuse_damage(home, manifest["files"])
        told = manifest["surveys"]
        surveys = [_read_survey(home, item, manifest["crs"]) for item in told]
    except DataError:
        raise
    except (OSError, KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(
            f"{str(home)!r} is no complete package of secr_nea.share: {error}. Ask for it again."
        ) from error
    return surveys[0] if len(surveys) == 1 else tuple(surveys)


def _read_survey(home: Path, told: Mapping[str, Any], crs: str | None) -> Survey:
    import shapely

    place = home / Path(str(told["folder"])).name
    tables = {
        name: read_table(place / f"{Path(name).name}.csv", kinds)
        for name, kinds in told["columns"].items()
    }
    traps = tables["traps"]
    base = ["trap_id", "x", "y", "detector", "search"]
    shapes = [None if pd.isna(text) else shapely.from_wkt(text) for text in traps["search"]]
    array = TrapArray(
        traps[["x", "y"]].to_numpy(),
        ids=list(traps["trap_id"]),
        effort=tables["effort"].to_numpy(),
        detector=list(traps["detector"]),
        covariates=traps.drop(columns=base),
        varying_covariates={
            name.removeprefix("varying_"): table.to_numpy()
            for name, table in tables.items()
            if name.startswith("varying_")
        },
        searches=shapes if any(s is not None for s in shapes) else None,
        crs=crs,
    )
    animals, records = tables["animals"], tables["detections"]
    animal = {name: i for i, name in enumerate(animals["animal_id"])}
    trap = {name: k for k, name in enumerate(traps["trap_id"])}
    captures = CaptureHistory(
        array,
        animal=[animal[name] for name in records["animal_id"]],
        occasion=records["occasion"].to_numpy() - 1,
        trap=[trap[name] for name in records["trap_id"]],
        count=records["count"].to_numpy(),
        xy=records[["x", "y"]].to_numpy() if "x" in records else None,
        animal_ids=list(animals["animal_id"]),
        covariates=animals.drop(columns="animal_id"),
    )
    points = tables["mask"]
    mask = HabitatMask(
        points[["x", "y"]].to_numpy(),
        spacing=told["spacing_m"],
        cell_area=told["cell_area_km2"],
        covariates=points.drop(columns=["x", "y"]),
        crs=crs,
        scaling={name: (mean, sd) for name, (mean, sd) in told["scaling"].items()},
    )
    occasions = tables["occasions"]
    return Survey(
        captures,
        mask,
        name=told["name"],
        covariates=told["covariates"],
        occasion_covariates=occasions if len(occasions.columns) else None,
    )
