"""The command ``demo``: the whole way from data to a results folder, on the survey that ships."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from secr_nea.cli.messages import plain_warnings

NOTE = (
    "SIMULATED DATA: the terrain and the border are real; the cameras, the animals and their "
    "detections are invented and say nothing about snow leopards of the Sailugem ridge."
)


def demo(*, out: Annotated[str, Parameter(name="--out")] = "results/sailugem") -> int:
    """Estimate simulated snow leopards on the real terrain of the Sailugem ridge.

    Parameters
    ----------
    out
        Folder for the page, tables, maps and rasters.
    """
    import secr_nea as sn
    from secr_nea.report import write_report
    from secr_nea.report.tables import abundance_shown, density_by_survey

    print(NOTE)
    with plain_warnings():
        survey = sn.datasets.sailugem()
        null = sn.fit(survey, progress=False)
        fit = sn.fit(
            survey, D="~ ruggedness_std", lambda0="~ topography", start=null, progress=False
        )
        countries = sn.datasets.sailugem_countries()
        table = density_by_survey(fit, regions=countries, by="country")
        print(f"\nNull model\n{null}\n\nDensity by ruggedness, detection by topography\n{fit}")
        print("\nAnimals by country, from one joint model (D: animals per 100 km2)")
        print(abundance_shown(table).to_string(index=False))
        print(_truth(sn.datasets.sailugem_truth()["region"]))
        home = write_report(
            fit,
            out,
            regions=countries,
            by="country",
            title="Snow leopards of the Sailugem ridge (simulated)",
            note=NOTE,
        )
    print(f"\nResults, with maps: {home / 'index.html'}")
    return 0


def _truth(region: dict[str, object]) -> str:
    """How many animals were simulated, to compare the estimate with."""
    countries = region["animals_alive_by_country"]
    assert isinstance(countries, dict)
    parts = ", ".join(f"{number} in {country}" for country, number in countries.items())
    return f"The simulation placed {region['animals_alive']} animals: {parts}."
