"""Draw the picture of the README from the example survey: `python docs/make_readme_picture.py`."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt

import secr_nea as sn
from secr_nea import plot

PICTURE = Path(__file__).parent / "_static" / "sailugem.png"
WIDTH_INCHES, HEIGHT_INCHES, DOTS_PER_INCH = 10.7, 4.1, 150


def draw() -> None:
    """Density over the relief with cameras and animals, and the detection function."""
    survey = sn.datasets.sailugem(spacing=1000.0)
    fit = sn.fit(survey, D="~ ruggedness_std", lambda0="~ topography", progress=False)
    figure, (left, right) = plt.subplots(
        1,
        2,
        figsize=(WIDTH_INCHES, HEIGHT_INCHES),
        width_ratios=(1.75, 1.0),
        layout="constrained",
    )
    plot.hillshade(sn.datasets.sailugem_elevation(), strength=0.8, ax=left)
    plot.density(fit, traps=False, limits=(0.0, 5.0), alpha=0.72, ax=left)
    plot.captures(survey, legend=False, ax=left)
    countries = sn.datasets.sailugem_countries()
    plot.regions(countries, label="country", borders=True, like=survey, ax=left)
    plot.detection(fit, per="camera-day", ax=right)
    PICTURE.parent.mkdir(exist_ok=True)
    options = {"optimize": True}
    figure.savefig(PICTURE, dpi=DOTS_PER_INCH, pil_kwargs=options, metadata={"Software": None})
    plt.close(figure)


if __name__ == "__main__":
    draw()
