"""Every kind of finding: how grave it is, why it matters and how to mend it, written once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from secr_nea.quality.findings import Finding


@dataclass(frozen=True)
class Kind:
    """A kind of finding.

    Parameters
    ----------
    severity : {"error", "warning", "note"}
        The usual one; a single finding may be milder or graver.
    why : str
    cure : str
    """

    severity: str
    why: str
    cure: str


_FALSE_DISTANCE = "Distances between cameras would be wrong, and with them sigma and density."
_NEW_ANIMAL = "It would be analysed as an animal of its own, and the estimate would be too high."

KINDS: dict[str, Kind] = {
    # --- dates
    "day-month-swapped": Kind(
        "error",
        "Spreadsheets read 06/01 as 1 June or 6 January according to the computer's country. The "
        "date then falls on a day when nothing happened.",
        "Look the date up in the photo or the field sheet. If it is exchanged, record it with "
        "Ledger.swap_dates; state the order of the other dates with dates='dmy' or 'mdy'.",
    ),
    "date-not-understood": Kind(
        "error",
        "A date that cannot be read cannot be compared with the camera's operation.",
        "Write it as year-month-day, for example 2024-03-31, or leave the cell empty.",
    ),
    "date-order-undecided": Kind(
        "warning",
        "Every date of the table could be read in two ways, and nothing in the data tells which.",
        "Say dates='dmy' (day first) or dates='mdy' (month first).",
    ),
    "date-missing": Kind(
        "warning",
        "Without a date it cannot be checked whether the camera was working.",
        "Fill in the date from the photo, or drop the row.",
    ),
    "date-far-from-others": Kind(
        "warning",
        "A wrong digit in the year makes a camera operate in another survey.",
        "Check the year.",
    ),
    # --- coordinates
    "coordinate-missing": Kind(
        "error",
        "A trap without a place cannot be used, nor can its detections.",
        "Fill in the coordinates, or drop the trap and its detections.",
    ),
    "coordinate-not-number": Kind(
        "error",
        "A coordinate that is no number cannot be placed.",
        "Write coordinates as plain decimal numbers.",
    ),
    "degrees-in-metre-columns": Kind(
        "error",
        f"Degrees are not metres: {_FALSE_DISTANCE[0].lower()}{_FALSE_DISTANCE[1:]}",
        "Name the columns lat and lon, or project them to metres.",
    ),
    "coordinates-in-kilometres": Kind(
        "error",
        _FALSE_DISTANCE,
        "Multiply the coordinates by 1000.",
    ),
    "x-y-swapped": Kind(
        "error",
        f"{_FALSE_DISTANCE} A camera that stands far away makes the mask huge.",
        "Exchange x and y of these rows (Ledger.set_coordinates).",
    ),
    "latitude-longitude-impossible": Kind(
        "error",
        "Latitudes lie between -90 and 90, longitudes between -180 and 180 degrees.",
        "Check whether latitude and longitude are exchanged, or a decimal point is missing.",
    ),
    "web-mercator": Kind(
        "error",
        "Web Mercator's metres are not metres on the ground: at latitude 50 degrees areas are "
        "inflated 2.42 times and densities are too low by as much.",
        "Project from longitude and latitude to local metres, for example "
        "gdf.to_crs(gdf.estimate_utm_crs()).",
    ),
    "crs-does-not-fit": Kind(
        "error",
        _FALSE_DISTANCE,
        "Give the reference system that the coordinates were written in (crs=, --crs), and check "
        "the zone.",
    ),
    "utm-zone-joint": Kind(
        "error",
        "Each UTM zone has its own origin. Cameras on two sides of a joint that stand a few "
        "kilometres apart come out hundreds of kilometres apart.",
        "Project all cameras to one system: from latitude and longitude, or each zone's rows from "
        "their own zone.",
    ),
    "latitude-longitude-disagree": Kind(
        "error",
        "One of the two places is wrong, and nobody knows which was used.",
        "Compare with the GPS. Correct one of them (Ledger.set_coordinates), or remove the columns "
        "that are not to be used.",
    ),
    "traps-at-same-place": Kind(
        "warning",
        "Two traps at one place are usually two cameras of one station, or a copied coordinate.",
        "Make them one trap whose effort is that of the station, or correct the coordinate.",
    ),
    "trap-far-away": Kind(
        "warning",
        "A single far camera is usually a wrong or missing digit; it makes the mask huge.",
        "Check the coordinate.",
    ),
    "linear-array": Kind(
        "warning",
        "From a line of cameras sigma and density cannot be told apart well: with home ranges "
        "stretched along the line, density can be wrong by half.",
        "Report it as a limit, restrict the mask to habitat, and place cameras on both sides of "
        "the line next time.",
    ),
    # --- ids
    "trap-id-missing": Kind(
        "error",
        "A row without its trap cannot be placed.",
        "Fill in the id, or drop the row.",
    ),
    "animal-id-missing": Kind(
        "error",
        "A detection of nobody cannot be used.",
        "Fill in the id, or drop the row.",
    ),
    "placeholder-id": Kind(
        "error",
        f"A word for 'we do not know' is no animal. {_NEW_ANIMAL}",
        "Drop these rows (Ledger.drop_rows), or give each animal its own id.",
    ),
    "near-duplicate-animal-id": Kind(
        "error",
        f"If it is the same animal, it is split in two. {_NEW_ANIMAL}",
        "If it is one animal, Ledger.merge_animals; if not, give them clearly different ids.",
    ),
    "near-duplicate-trap-id": Kind(
        "error",
        "If it is the same trap, its effort and its detections are split in two.",
        "If it is one trap, Ledger.rename_trap; if not, give them clearly different ids.",
    ),
    "spaces-around-id": Kind(
        "error",
        "'A1' and 'A1 ' look alike and are two different ids to a computer.",
        "Remove the spaces (Ledger.rename_trap, Ledger.rename_animal).",
    ),
    "duplicate-trap": Kind(
        "error",
        "It is not clear which row holds: the place and the effort of the trap are ambiguous.",
        "Keep one row per trap. Several periods of operation belong into the operation table.",
    ),
    # --- sessions
    "session-missing": Kind(
        "error",
        "A row that belongs to no survey is lost or ends up in a survey of its own.",
        "Fill in the session.",
    ),
    "unknown-session": Kind(
        "error",
        "Detections of a survey that has no traps cannot be used.",
        "Correct the name of the survey, or add its traps.",
    ),
    "surveys-matched-by-position": Kind(
        "error",
        "The tables name their surveys differently. Matched by position, a survey would get the "
        "detections of another.",
        "Use the same names in all tables.",
    ),
    "survey-without-detections": Kind(
        "warning",
        "A survey without any detection does count: it says that animals are few. But it is "
        "often a misspelt name.",
        "Check that nothing was seen there.",
    ),
    "animal-in-several-surveys": Kind(
        "note",
        "Surveys are taken as independent. An animal that is in two of them is counted in both, "
        "and intervals come out too narrow.",
        "Join surveys that run at the same time into one; for surveys of different years say it in "
        "the report.",
    ),
    "levels-differ-between-surveys": Kind(
        "note",
        "A level that is in one survey only cannot be told apart from that survey.",
        "Check the spelling; leave the covariate out of models across surveys if it is right.",
    ),
    # --- operation and effort
    "end-before-start": Kind(
        "error",
        "A camera cannot be taken down before it was set up; its effort is unknown.",
        "Correct the dates from the field sheet.",
    ),
    "operation-incomplete": Kind(
        "error",
        "Without an end (or a start) and without a stated effort nobody knows how long the camera "
        "worked. The day on which a lost camera was missed is not the day on which it stopped.",
        "Use the last photo or the last check at which it worked; or state the effort.",
    ),
    "operation-overlaps": Kind(
        "warning",
        "Days that stand in two rows would be counted twice.",
        "Correct the periods, or name the two cameras of the station in a column camera.",
    ),
    "operation-at-unknown-trap": Kind(
        "error",
        "The effort of a trap that has no place cannot be used.",
        "Correct the id, or add the trap.",
    ),
    "trap-without-operation": Kind(
        "warning",
        "A trap that is not in the operation table is taken as never operating.",
        "Add its periods, or drop the trap.",
    ),
    "effort-not-number": Kind(
        "error",
        "Effort that is no number cannot be used.",
        "Write days as a number; 0 where the camera never worked.",
    ),
    "effort-missing": Kind(
        "error",
        "A trap whose effort is unknown cannot be used.",
        "Fill in the effort, or the dates from which it follows; 0 where the camera never worked.",
    ),
    "effort-negative": Kind(
        "error",
        "Effort below zero is impossible.",
        "Correct it; 0 where the camera never worked.",
    ),
    "effort-zero": Kind(
        "error",
        "A trap with effort 0 counts as never operating and adds nothing.",
        "Correct the effort if the camera worked; else drop the trap or say in the note why.",
    ),
    "effort-against-dates": Kind(
        "warning",
        "The effort does not follow from the dates. More days than between set-up and retrieval "
        "are impossible; fewer are right only if the camera failed.",
        "Correct the effort or the dates; list failures in the operation table.",
    ),
    "occasion-without-effort": Kind(
        "warning",
        "An occasion on which no trap operated says nothing.",
        "Check the effort columns, or leave the occasion out.",
    ),
    "short-lived-camera": Kind(
        "warning",
        "A camera that worked a few days was usually stolen, broken or full. If its effort is not "
        "cut to those days, density comes out too low.",
        "Check that the end is the day on which it stopped working.",
    ),
    "lost-camera-with-full-effort": Kind(
        "note",
        "The note says that the camera was lost or failed, but it counts as working all the time.",
        "Use the last photo or check as its end.",
    ),
    # --- detections
    "unknown-trap": Kind(
        "error",
        "A detection at a trap that is not in the traps table has no place.",
        "Correct the id (Ledger.rename_trap), or add the trap.",
    ),
    "outside-operation": Kind(
        "error",
        "A camera cannot photograph when it is not there: the date, the trap or the period is "
        "wrong.",
        "Look the photo up. Correct the date or the trap, extend the period, or drop the row.",
    ),
    "detection-without-effort": Kind(
        "error",
        "A detection at a trap that did not operate is impossible: its likelihood is zero.",
        "Correct the effort, the trap or the occasion.",
    ),
    "occasion-invalid": Kind(
        "error",
        "Occasions are counted 1, 2, 3 ... up to the number for which there is effort.",
        "Correct the occasion, or add the effort of the missing occasions.",
    ),
    "occasions-overlap": Kind(
        "warning",
        "The dates of two occasions overlap, so some detections are in the wrong one.",
        "Check the occasions of these rows; cut occasions by date with Operation.effort.",
    ),
    "count-invalid": Kind(
        "error",
        "A row is one detection or a whole number of them.",
        "Correct the count; leave rows without detection out.",
    ),
    "duplicate-detection": Kind(
        "warning",
        "The same animal at the same trap at the same minute is usually one event that was entered "
        "twice, or two photos of it.",
        "Drop the copies (Ledger.drop_rows), or keep independent detections only.",
    ),
    "several-detections-binary": Kind(
        "warning",
        "A binary detector records an animal at most once per trap and occasion; the others are "
        "ignored or refused.",
        "Use detector='count', shorter occasions, or one row per trap and occasion.",
    ),
    "several-traps-multi": Kind(
        "error",
        "In a trap that holds the animal it cannot be caught elsewhere on the same occasion.",
        "Correct the rows, or use another detector type.",
    ),
    "detection-after-death": Kind(
        "error",
        "An animal cannot be detected after it died: the identity or the date is wrong.",
        "Check the identification.",
    ),
    # --- animals
    "sex-contradictory": Kind(
        "error",
        "An animal has one sex. Programs silently take the first or the last value; sigma and "
        "density by sex come out wrong. Or two animals carry one id.",
        "Decide for each animal (Ledger.set_sex), 'unknown' if it cannot be decided.",
    ),
    "sex-not-understood": Kind(
        "error",
        "A sex that is neither female nor male becomes a class of its own.",
        "Write F, M, or leave the cell empty where it is unknown.",
    ),
    "sex-in-several-spellings": Kind(
        "warning",
        "Two spellings of a sex would be estimated as two classes.",
        "Use one word for each sex.",
    ),
    "age-contradictory": Kind(
        "warning",
        "Cubs move with their mother and are not part of an estimate of adults; an animal that "
        "is both is counted or not by chance.",
        "Decide for each animal and survey.",
    ),
    # --- covariates
    "level-spelt-differently": Kind(
        "error",
        "Two spellings of a level would be estimated as two levels.",
        "Spell them alike.",
    ),
    "level-without-detections": Kind(
        "warning",
        "With this covariate in the detection model its level has no detection to learn from: the "
        "coefficient runs to minus infinity and standard errors fail.",
        "Join the level with a similar one, or leave the covariate out.",
    ),
    # --- enough for SECR?
    "too-few-detections": Kind(
        "warning",
        "Density needs animals that were seen again, and at other traps: without them sigma is "
        "unknown. Estimates from so few are imprecise or impossible.",
        "Pool surveys with a common sigma, or report what can be: the minimum number of animals, "
        "detections per 100 camera-days, and a design for next year.",
    ),
    # --- surveys that are already built
    "mask-covariate-missing": Kind(
        "error",
        "A mask point without a value cannot be part of a model with this covariate.",
        "Fill the gap from the raster or take the covariate from another one.",
    ),
    "traps-outside-mask": Kind(
        "warning",
        "Animals are detected where the mask says that none can live.",
        "Widen the mask or its habitat.",
    ),
    "mask-too-narrow": Kind(
        "warning",
        "Animals from outside the mask can be detected; density comes out too high.",
        "Make the buffer about 4 sigma.",
    ),
    "mask-too-coarse": Kind(
        "warning",
        "Cells that are large beside the movements of animals make the sums inexact.",
        "Make the spacing at most 0.6 sigma.",
    ),
}
"""All kinds by name."""


def found(
    kind: str,
    table: str,
    rows: Iterable[int],
    seen: str,
    *,
    severity: str | None = None,
) -> Finding:
    """A finding of a kind, with the reason and the cure of that kind.

    Parameters
    ----------
    kind : str
        A key of `KINDS`.
    table : str
    rows : iterable of int
    seen : str
    severity : str, optional
        When it differs from the usual one.

    Returns
    -------
    Finding
    """
    known = KINDS[kind]
    where = tuple(sorted({int(row) for row in rows}))
    return Finding(kind, severity or known.severity, table, where, seen, known.why, known.cure)
