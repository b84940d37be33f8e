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
    what : str
    severity : {"error", "warning", "note"}
        The usual one; a single finding may be milder or graver.
    why : str
    cure : str
    """

    what: str
    severity: str
    why: str
    cure: str


_FALSE_DISTANCE = "Distances between cameras would be wrong, and with them sigma and density."
_NEW_ANIMAL = "It would be analysed as an animal of its own, and the estimate would be too high."

KINDS: dict[str, Kind] = {
    # --- dates
    "day-month-swapped": Kind(
        "Day and month of a date are exchanged.",
        "error",
        "Spreadsheets read 06/01 as 1 June or 6 January according to the computer's country. The "
        "date then falls on a day when nothing happened.",
        "Look the date up in the photo or the field sheet. If it is exchanged, record it with "
        "Ledger.swap_dates; state the order of the other dates with dates='dmy' or 'mdy'.",
    ),
    "date-not-understood": Kind(
        "A cell of a date column holds no date that exists.",
        "error",
        "A date that cannot be read cannot be compared with the camera's operation.",
        "Write it as year-month-day, for example 2024-03-31, or leave the cell empty.",
    ),
    "date-order-undecided": Kind(
        "It is not known whether day or month comes first.",
        "warning",
        "Every date of the table could be read in two ways, and nothing in the data tells which.",
        "Say dates='dmy' (day first) or dates='mdy' (month first).",
    ),
    "date-missing": Kind(
        "A detection has no date, while others have.",
        "warning",
        "Without a date it cannot be checked whether the camera was working.",
        "Fill in the date from the photo, or drop the row.",
    ),
    "date-far-from-others": Kind(
        "A camera's dates lie more than a year from those of the other cameras, or three years "
        "from each other.",
        "warning",
        "A wrong digit in the year makes a camera operate in another survey.",
        "Check the year.",
    ),
    # --- coordinates
    "coordinate-missing": Kind(
        "A trap has no coordinates, or both are 0.",
        "error",
        "A trap without a place cannot be used, nor can its detections.",
        "Fill in the coordinates, or drop the trap and its detections.",
    ),
    "coordinate-not-number": Kind(
        "A coordinate is no number.",
        "error",
        "A coordinate that is no number cannot be placed.",
        "Write coordinates as plain decimal numbers.",
    ),
    "degrees-in-metre-columns": Kind(
        "x and y hold longitude and latitude.",
        "error",
        f"Degrees are not metres: {_FALSE_DISTANCE[0].lower()}{_FALSE_DISTANCE[1:]}",
        "Name the columns lat and lon, or project them to metres.",
    ),
    "coordinates-in-kilometres": Kind(
        "x and y look like kilometres.",
        "error",
        _FALSE_DISTANCE,
        "Multiply the coordinates by 1000.",
    ),
    "x-y-swapped": Kind(
        "x and y (or longitude and latitude) of some traps, or of all, are exchanged.",
        "error",
        f"{_FALSE_DISTANCE} A camera that stands far away makes the mask huge.",
        "Exchange x and y of these rows (Ledger.set_coordinates).",
    ),
    "latitude-longitude-impossible": Kind(
        "A latitude or longitude does not exist on the Earth.",
        "error",
        "Latitudes lie between -90 and 90, longitudes between -180 and 180 degrees.",
        "Check whether latitude and longitude are exchanged, or a decimal point is missing.",
    ),
    "web-mercator": Kind(
        "x and y are in Web Mercator (EPSG:3857), the system of web maps.",
        "error",
        "Web Mercator's metres are not metres on the ground: at latitude 50 degrees areas are "
        "inflated 2.42 times and densities are too low by as much.",
        "Project from longitude and latitude to local metres, for example "
        "gdf.to_crs(gdf.estimate_utm_crs()).",
    ),
    "crs-does-not-fit": Kind(
        "The reference system that was given is wrong for these coordinates.",
        "error",
        _FALSE_DISTANCE,
        "Give the reference system that the coordinates were written in (crs=, --crs), and check "
        "the zone.",
    ),
    "utm-zone-joint": Kind(
        "Some traps have the coordinates of another UTM zone than the rest.",
        "error",
        "Each UTM zone has its own origin. Cameras on two sides of a joint that stand a few "
        "kilometres apart come out hundreds of kilometres apart.",
        "Project all cameras to one system: from latitude and longitude, or each zone's rows from "
        "their own zone.",
    ),
    "latitude-longitude-disagree": Kind(
        "Latitude and longitude of a trap lie elsewhere than its x and y.",
        "error",
        "One of the two places is wrong, and nobody knows which was used.",
        "Compare with the GPS. Correct one of them (Ledger.set_coordinates), or remove the columns "
        "that are not to be used.",
    ),
    "traps-at-same-place": Kind(
        "Different traps have the same coordinates.",
        "warning",
        "Two traps at one place are usually two cameras of one station, or a copied coordinate.",
        "Make them one trap whose effort is that of the station, or correct the coordinate.",
    ),
    "trap-far-away": Kind(
        "A trap is far from every other trap of its survey.",
        "warning",
        "A single far camera is usually a wrong or missing digit; it makes the mask huge.",
        "Check the coordinate.",
    ),
    "linear-array": Kind(
        "The array of traps is at least five times longer than wide.",
        "warning",
        "From a line of cameras sigma and density cannot be told apart well: with home ranges "
        "stretched along the line, density can be wrong by half.",
        "Report it as a limit, restrict the mask to habitat, and place cameras on both sides of "
        "the line next time.",
    ),
    # --- ids
    "trap-id-missing": Kind(
        "A row names no trap.",
        "error",
        "A row without its trap cannot be placed.",
        "Fill in the id, or drop the row.",
    ),
    "animal-id-missing": Kind(
        "A detection names no animal.",
        "error",
        "A detection of nobody cannot be used.",
        "Fill in the id, or drop the row.",
    ),
    "placeholder-id": Kind(
        "An animal is called 'unknown' or the like.",
        "error",
        f"A word for 'we do not know' is no animal. {_NEW_ANIMAL}",
        "Drop these rows (Ledger.drop_rows), or give each animal its own id.",
    ),
    "several-animals-in-one-row": Kind(
        "A row names several animals.",
        "error",
        f"A pair in one cell is read as one name. {_NEW_ANIMAL}",
        "Write one row for each animal.",
    ),
    "near-duplicate-animal-id": Kind(
        "Two animal ids are spellings of each other, or one letter apart (a warning).",
        "error",
        f"If it is the same animal, it is split in two. {_NEW_ANIMAL}",
        "If it is one animal, Ledger.merge_animals; if not, give them clearly different ids.",
    ),
    "near-duplicate-trap-id": Kind(
        "Two trap ids are spellings of each other, or one letter apart (a warning).",
        "error",
        "If it is the same trap, its effort and its detections are split in two.",
        "If it is one trap, Ledger.rename_trap; if not, give them clearly different ids.",
    ),
    "spaces-around-id": Kind(
        "An id has a space before or after it.",
        "error",
        "'A1' and 'A1 ' look alike and are two different ids to a computer.",
        "Remove the spaces (Ledger.rename_trap, Ledger.rename_animal).",
    ),
    "duplicate-trap": Kind(
        "A trap stands in several rows of its survey.",
        "error",
        "It is not clear which row holds: the place and the effort of the trap are ambiguous.",
        "Keep one row per trap. Several periods of operation belong into the operation table. Two "
        "cameras of a station may have a row each when a column camera tells them apart, the place "
        "and the covariates are the same, and start and end stand in place of effort.",
    ),
    # --- sessions
    "session-missing": Kind(
        "A row names no survey, while others do.",
        "error",
        "A row that belongs to no survey is lost or ends up in a survey of its own.",
        "Fill in the session.",
    ),
    "unknown-session": Kind(
        "Detections belong to a survey that has no traps.",
        "error",
        "Detections of a survey that has no traps cannot be used.",
        "Correct the name of the survey, or add its traps.",
    ),
    "surveys-matched-by-position": Kind(
        "The tables name their surveys in different ways, or only one of them does.",
        "error",
        "The tables name their surveys differently. Matched by position, a survey would get the "
        "detections of another.",
        "Use the same names in all tables.",
    ),
    "survey-without-detections": Kind(
        "A survey of several has traps and no detections.",
        "warning",
        "A survey without any detection does count: it says that animals are few. But it is "
        "often a misspelt name.",
        "Check that nothing was seen there.",
    ),
    "animal-in-several-surveys": Kind(
        "An animal was seen in more than one survey (a warning when they overlap in time).",
        "note",
        "Surveys are taken as independent. An animal that is in two of them is counted in both, "
        "and intervals come out too narrow.",
        "Join surveys that run at the same time into one; for surveys of different years say it in "
        "the report.",
    ),
    "levels-differ-between-surveys": Kind(
        "A covariate has levels that not every survey has.",
        "note",
        "A level that is in one survey only cannot be told apart from that survey.",
        "Check the spelling; leave the covariate out of models across surveys if it is right.",
    ),
    # --- operation and effort
    "end-before-start": Kind(
        "A period of operation ends before it starts.",
        "error",
        "A camera cannot be taken down before it was set up; its effort is unknown.",
        "Correct the dates from the field sheet.",
    ),
    "operation-incomplete": Kind(
        "A period has no start or no end.",
        "error",
        "Without an end (or a start) and without a stated effort nobody knows how long the camera "
        "worked. The day on which a lost camera was missed is not the day on which it stopped.",
        "Use the last photo or the last check at which it worked; or state the effort.",
    ),
    "operation-overlaps": Kind(
        "Two periods of one camera overlap.",
        "warning",
        "Days that stand in two rows would be counted twice.",
        "Correct the periods, or name the two cameras of the station in a column camera.",
    ),
    "operation-at-unknown-trap": Kind(
        "The operation table names a trap that the traps table does not have.",
        "error",
        "The effort of a trap that has no place cannot be used.",
        "Correct the id, or add the trap.",
    ),
    "trap-without-operation": Kind(
        "A trap has no period in the operation table.",
        "warning",
        "A trap that is not in the operation table is taken as never operating.",
        "Add its periods, or drop the trap.",
    ),
    "effort-not-number": Kind(
        "Effort is no number.",
        "error",
        "Effort that is no number cannot be used.",
        "Write days as a number; 0 where the camera never worked.",
    ),
    "effort-missing": Kind(
        "A trap has no effort (a warning where it follows from the dates).",
        "error",
        "A trap whose effort is unknown cannot be used.",
        "Fill in the effort, or the dates from which it follows; 0 where the camera never worked.",
    ),
    "effort-negative": Kind(
        "Effort is below zero.",
        "error",
        "Effort below zero is impossible.",
        "Correct it; 0 where the camera never worked.",
    ),
    "effort-zero": Kind(
        "Effort is 0, although dates say that the camera was out (a warning without dates).",
        "error",
        "A trap with effort 0 counts as never operating and adds nothing.",
        "Correct the effort if the camera worked; else drop the trap or say in the note why.",
    ),
    "effort-against-dates": Kind(
        "Effort and dates differ by more than a day (more days than possible: an error).",
        "warning",
        "The effort does not follow from the dates. More days than between set-up and retrieval "
        "are impossible; fewer are right only if the camera failed.",
        "Correct the effort or the dates; list failures in the operation table.",
    ),
    "occasion-without-effort": Kind(
        "No trap operated on an occasion.",
        "warning",
        "An occasion on which no trap operated says nothing.",
        "Check the effort columns, or leave the occasion out.",
    ),
    "short-lived-camera": Kind(
        "A camera worked six days or less, and the others four times as long.",
        "warning",
        "A camera that worked a few days was usually stolen, broken or full. If its effort is not "
        "cut to those days, density comes out too low.",
        "Check that the end is the day on which it stopped working.",
    ),
    "lost-camera-with-full-effort": Kind(
        "A camera is noted as lost and has as much effort as any other.",
        "note",
        "The note says that the camera was lost or failed, but it counts as working all the time.",
        "Use the last photo or check as its end.",
    ),
    "failure-not-in-effort": Kind(
        "A note tells of a failure, and the camera counts about as long as the others.",
        "warning",
        "Words in a note change no effort. Days on which a camera could not photograph are counted "
        "as days without animals, and density comes out too low.",
        "Write the failure as dates in the columns Problem1_from and Problem1_to, or give the "
        "camera one row for each period in the operation table.",
    ),
    # --- detections
    "unknown-trap": Kind(
        "A detection is at a trap that is not in the traps table, or not in its survey.",
        "error",
        "A detection at a trap that is not in the traps table has no place.",
        "Correct the id (Ledger.rename_trap), or add the trap.",
    ),
    "outside-operation": Kind(
        "A detection is dated before the camera was set up or after it was taken down.",
        "error",
        "A camera cannot photograph when it is not there: the date, the trap or the period is "
        "wrong.",
        "Look the photo up. Correct the date or the trap, extend the period, or drop the row.",
    ),
    "detection-without-effort": Kind(
        "A detection is at a trap, or on an occasion, with effort 0.",
        "error",
        "A detection at a trap that did not operate is impossible: its likelihood is zero.",
        "Correct the effort, the trap or the occasion.",
    ),
    "occasion-invalid": Kind(
        "An occasion is no whole number from 1, or there is no effort for it.",
        "error",
        "Occasions are counted 1, 2, 3 ... up to the number for which there is effort.",
        "Correct the occasion, or add the effort of the missing occasions.",
    ),
    "occasions-overlap": Kind(
        "The dates of one occasion reach into the next.",
        "warning",
        "The dates of two occasions overlap, so some detections are in the wrong one.",
        "Check the occasions of these rows; cut occasions by date with Operation.effort.",
    ),
    "count-invalid": Kind(
        "A count is no whole number from 1.",
        "error",
        "A row is one detection or a whole number of them.",
        "Correct the count; leave rows without detection out.",
    ),
    "duplicate-detection": Kind(
        "Two rows have the same animal, trap and time of day.",
        "warning",
        "The same animal at the same trap at the same minute is usually one event that was entered "
        "twice, or two photos of it.",
        "Drop the copies (Ledger.drop_rows), or keep independent detections only.",
    ),
    "several-detections-binary": Kind(
        "An animal is recorded twice at a binary detector on one occasion.",
        "warning",
        "A binary detector records an animal at most once per trap and occasion; the others are "
        "ignored or refused.",
        "Use detector='count', shorter occasions, or one row per trap and occasion.",
    ),
    "several-traps-multi": Kind(
        "An animal is in two traps on one occasion, although traps hold it.",
        "error",
        "In a trap that holds the animal it cannot be caught elsewhere on the same occasion.",
        "Correct the rows, or use another detector type.",
    ),
    "detection-after-death": Kind(
        "An animal is detected after it was found dead.",
        "error",
        "An animal cannot be detected after it died: the identity or the date is wrong.",
        "Check the identification.",
    ),
    # --- animals
    "sex-contradictory": Kind(
        "An animal is female in one row and male in another.",
        "error",
        "An animal has one sex. Programs silently take the first or the last value; sigma and "
        "density by sex come out wrong. Or two animals carry one id.",
        "Decide for each animal (Ledger.set_sex), 'unknown' if it cannot be decided.",
    ),
    "sex-not-understood": Kind(
        "A sex is no word for female, male or unknown.",
        "error",
        "A sex that is neither female nor male becomes a class of its own.",
        "Write F, M, or leave the cell empty where it is unknown.",
    ),
    "sex-in-several-spellings": Kind(
        "One sex is written in several ways.",
        "warning",
        "Two spellings of a sex would be estimated as two classes.",
        "Use one word for each sex.",
    ),
    "age-contradictory": Kind(
        "An animal has two ages within one survey.",
        "warning",
        "Cubs move with their mother and are not part of an estimate of adults; an animal that "
        "is both is counted or not by chance.",
        "Decide for each animal and survey.",
    ),
    # --- covariates
    "level-spelt-differently": Kind(
        "A level of a covariate is spelt in several ways.",
        "error",
        "Two spellings of a level would be estimated as two levels.",
        "Spell them alike.",
    ),
    "level-without-detections": Kind(
        "No trap with a level of a covariate has a detection.",
        "warning",
        "With this covariate in the detection model its level has no detection to learn from: the "
        "coefficient runs to minus infinity and standard errors fail.",
        "Join the level with a similar one, or leave the covariate out.",
    ),
    # --- enough for SECR?
    "too-few-detections": Kind(
        "Fewer than 8 animals, 10 recaptures or 5 animals at two traps (none there: an error).",
        "warning",
        "Density needs animals that were seen again, and at other traps: without them sigma is "
        "unknown. Estimates from so few are imprecise or impossible.",
        "Pool surveys with a common sigma, or report what can be: the minimum number of animals, "
        "detections per 100 camera-days, and a design for next year.",
    ),
    # --- surveys that are already built
    "mask-covariate-missing": Kind(
        "A covariate of the mask has gaps.",
        "error",
        "A mask point without a value cannot be part of a model with this covariate.",
        "Fill the gap from the raster or take the covariate from another one.",
    ),
    "traps-outside-mask": Kind(
        "A trap lies outside the mask.",
        "warning",
        "Animals are detected where the mask says that none can live.",
        "Widen the mask or its habitat.",
    ),
    "mask-too-narrow": Kind(
        "The mask ends too near to the outermost traps.",
        "warning",
        "Animals from outside the mask can be detected; density comes out too high.",
        "Make the buffer about 4 sigma.",
    ),
    "mask-too-coarse": Kind(
        "The cells of the mask are large beside the movements of the animals.",
        "warning",
        "Cells that are large beside the movements of animals make the sums inexact.",
        "Make the spacing at most 0.6 sigma.",
    ),
}
"""All kinds by name."""


def found(
    kind: str, table: str, rows: Iterable[int], seen: str, *, severity: str | None = None
) -> Finding:
    """A finding of a kind, with the reason and the cure of that kind.

    Parameters
    ----------
    kind : str
        A key of `KINDS`.
    table, rows, seen
        As for :class:`Finding`.
    severity : str, optional
        When it differs from the usual one.

    Returns
    -------
    Finding
    """
    known = KINDS[kind]
    where = tuple(sorted({int(row) for row in rows}))
    return Finding(kind, severity or known.severity, table, where, seen, known.why, known.cure)
