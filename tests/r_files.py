"""R files with objects of secr, built object by object with `rdata` (no R is needed)."""

from __future__ import annotations

import numpy as np
import pandas as pd


class RObject:
    """A value of R with attributes that a converter does not make by itself."""

    def __init__(self, value, **attributes):
        self.value, self.attributes = value, attributes


def _object(data, converter):
    from dataclasses import replace

    value, names = data.value, {n: v for n, v in data.attributes.items() if v is not None}
    if isinstance(value, dict):
        names = {"names": np.array(list(value), dtype=str), **names}
        value = list(value.values())
    if isinstance(value, np.ndarray) and value.ndim > 1:
        names = {"dim": np.array(value.shape, dtype=np.int32), **names}
        value = value.ravel(order="F")
    # symbols are written once and referred to later, so nothing that is converted may be dropped
    made = converter.convert_to_r_object(value)
    attributes = converter.convert_to_r_attributes(names)
    info = replace(made.info, object="class" in names, attributes=True)
    return replace(made, info=info, attributes=attributes)


def write(path, objects):
    """Write one object (.rds) or named objects (.RData)."""
    import rdata
    from rdata.conversion.to_r import DEFAULT_CLASS_MAP as TO_R

    constructors = {**TO_R, RObject: _object}
    if str(path).endswith(".rds"):
        rdata.write_rds(path, objects, constructor_dict=constructors)
    else:
        rdata.write_rda(path, objects, constructor_dict=constructors)


def frame(columns, names, kind, **attributes):
    """Data frame of a class of secr, such as traps or mask."""
    return RObject(
        {name: np.asarray(values, dtype=float) for name, values in columns.items()},
        **{
            "class": np.array([kind, "data.frame"], dtype=str),
            "row.names": np.array(names, dtype=str),
            **attributes,
        },
    )


def capthist(captures, *, detector, session=None):
    """capthist of a CaptureHistory, as secr 5 stores it."""
    traps = captures.traps
    n, s, k = captures.n_animals, traps.n_occasions, traps.n_traps
    counts = np.zeros((n, s, k))
    counts[captures.animal, captures.occasion, captures.trap] = captures.count
    covariates = pd.DataFrame(captures.covariates) if len(captures.covariates.columns) else None
    return RObject(
        counts,
        **{
            "class": np.array(["capthist"], dtype=str),
            "dimnames": [
                np.array(captures.animal_ids, dtype=str),
                np.array([str(i + 1) for i in range(s)], dtype=str),
                np.array([str(i + 1) for i in range(k)], dtype=str),
            ],
            "traps": traps_object(traps, detector),
            "session": session,
            "covariates": covariates,
        },
    )


def traps_object(traps, detector):
    """traps with usage and covariates."""
    xy = {"x": traps.xy[:, 0], "y": traps.xy[:, 1]}
    covariates, varying = pd.DataFrame(traps.covariates), {}
    for name, values in traps.varying_covariates.items():
        varying[name] = np.array([f"{name}.{s + 1}" for s in range(values.shape[1])], dtype=str)
        for s in range(values.shape[1]):
            covariates[f"{name}.{s + 1}"] = values[:, s]
    covariates = covariates if len(covariates.columns) else None
    return frame(
        xy,
        traps.ids,
        "traps",
        detector=np.array([detector], dtype=str),
        usage=RObject(np.asarray(traps.effort)),
        covariates=covariates,
        timevaryingcov=varying or None,
    )


def mask_object(mask):
    """mask with its area in hectares."""
    xy = {"x": mask.xy[:, 0], "y": mask.xy[:, 1]}
    covariates = pd.DataFrame(mask.covariates) if len(mask.covariates.columns) else None
    return frame(
        xy,
        [str(i + 1) for i in range(mask.n_points)],
        "mask",
        area=np.array([mask.cell_area * 100.0]),
        spacing=np.array([mask.spacing]),
        covariates=covariates,
    )


def sessions(parts, kind):
    """List of sessions by name."""
    return RObject(dict(parts), **{"class": np.array([kind, "list"], dtype=str)})
