"""Which column of a field table plays which role, by name, synonym or likeness."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

import pandas as pd

from secr_nea._checks import did_you_mean, listed
from secr_nea.errors import DataError

TRAP = (
    "trap_id trapid trap station_id station stationname trapname camera_trap_id cameratrap "
    "camera_station camera_id cameraid camera cam camid cameraname site_id site sitename "
    "location_id location locationname placename detector_id detector ct ctid deployment_id "
    "deployment point_id станция станцияid фотоловушка ловушка камера точка loc_id camera_name "
    "camera_no camera_number номер_камеры номер_фотоловушки номер_станции станции "
    "фотоловушки ловушки номер_ловушки камеры камера_id id_камеры номер_точки"
)
START = (
    "start_date start startdate date_start setup_date setup datesetup deployment_start "
    "date_installed installed install_date date_deployed deployed set_date date_set "
    "from begin begindate start_time startdatetime "
    "dateplaced date_from дата_установки установка установлена начало installation_date "
    "дата_постановки постановка дата_начала"
)
END = (
    "end_date end enddate date_end retrieval_date retrieval dateretrieved deployment_end "
    "deploymentend date_removed removed removal_date remove_date date_collected collected to until "
    "stop stopdate end_time enddatetime дата_снятия снятие снята retrieved date_to конец "
    "окончание дата_съема дата_окончания"
)
SESSION = "session survey session_name survey_name session_id survey_id сессия"
NOTE = (
    "note notes comment comments remark remarks status condition functionality примечание "
    "примечания комментарий комментарии состояние неисправность неисправности поломка поломки "
    "отказ сбой сбои failure failures problem problems malfunction"
)
EFFORT = (
    "effort effort_days usage trap_days camera_days trap_nights camera_nights days_active "
    "active_days operating_days days_operated days ndays nights cam_days effort_in_days усилие "
    "ловушко_сутки число_дней_работы отработано_суток"
)

ROLES: dict[str, dict[str, str]] = {
    "traps": {
        "trap_id": f"{TRAP} id",
        "session": SESSION,
        "x": "x easting eastings east utm_x utmeast utm_e utm_easting x_coord x_coordinate "
        "coord_x xm x_utm",
        "y": "y northing northings north utm_y utmnorth utm_n utm_northing y_coord "
        "y_coordinate coord_y ym y_utm",
        "lat": "lat latitude decimal_latitude lat_dd dec_lat wgs_lat gps_lat gps_y широта",
        "lon": "lon long longitude lng decimal_longitude lon_dd long_dd dec_long wgs_lon gps_lon "
        "gps_long gps_x долгота",
        "zone": "utm_zone zone utmzone зона зона_utm",
        "start": START,
        "end": END,
        "effort": EFFORT,
        "note": NOTE,
        "camera": "camera_id camera cam camera_no camera_number камера",
    },
    "operation": {
        "trap_id": f"{TRAP} id",
        "session": SESSION,
        "start": START,
        "end": END,
        "status": f"{NOTE} working operating",
        "camera": "camera_id camera cam camera_no camera_number камера",
    },
    "detections": {
        "animal_id": "animal_id animal individual_id individual individualname ind_id ind id "
        "snow_leopard_id snow_leopard leopard_id leopard tiger_id tiger cat_id cat animal_name "
        "name "
        "особь номер_особи животное идентификатор особи id_особи имя_особи код_особи кличка "
        "код имя",
        "trap_id": TRAP,
        "session": SESSION,
        "date": "date datetime date_time datetimeoriginal detection_date date_detection "
        "date_of_detection capture_date date_captured event_date event_start timestamp photo_date "
        "date_photo date_of_detection_mdy date_of_detection_dmy дата дата_время дата_съемки "
        "дата_встречи дата_и_время дата_регистрации дата_фото",
        "time": "time hour photo_time detection_time время",
        "occasion": "occasion occ occasion_id occasion_no occasion_number sampling_occasion "
        "sample_occasion so",
        "sex": "sex gender пол",
        "age": "age age_class life_stage lifestage возраст",
        "count": "count n_detections number_of_objects количество",
        "fate": "fate outcome died dead",
    },
}
"""Accepted names of each role, best first; case, spaces and punctuation do not count."""

NEEDED = {
    "traps": ("trap_id",),
    "operation": ("trap_id", "start", "end"),
    "detections": ("animal_id", "trap_id"),
}
_NAMELESS = re.compile(r"column \d+")
LIKE = 0.9
"""Likeness (0 to 1) from which a name passes for a misspelt synonym."""


def plain(name: object) -> str:
    """Name of a column without case, punctuation and remarks in brackets."""
    text = re.sub(r"\(.*?\)|\[.*?\]", "", str(name)).casefold().replace("ё", "е")
    return "".join(character for character in text if character.isalnum())


def match_columns(
    frame: pd.DataFrame, table: str, chosen: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Column of each role that the table has.

    Parameters
    ----------
    frame : DataFrame
    table : {"traps", "operation", "detections"}
    chosen : mapping of role to column, optional
        What the user decided; it wins.

    Returns
    -------
    dict of role to column name

    Raises
    ------
    DataError
        Unknown roles or columns in ``chosen``, and roles without which nothing can be checked.

    Examples
    --------
    >>> match_columns(pd.DataFrame(columns=["Animal ID", "Camera", "Gender"]), "detections")
    {'animal_id': 'Animal ID', 'trap_id': 'Camera', 'sex': 'Gender'}
    """
    columns = [str(column) for column in frame.columns]
    found = dict(_checked_choice(columns, table, chosen or {}))
    free = [column for column in columns if column not in found.values()]
    for alike in (False, True):
        for role, names in ROLES[table].items():
            if role in found:
                continue
            column = _nearest(names.split(), free) if alike else _synonym(names.split(), free)
            if column is not None:
                found[role] = column
                free.remove(column)
    _require(found, table, columns)
    return {role: found[role] for role in ROLES[table] if role in found}


def _checked_choice(columns: list[str], table: str, chosen: Mapping[str, str]) -> Mapping[str, str]:
    for role, column in chosen.items():
        if role not in ROLES[table]:
            raise DataError(
                f"The {table} table has no role {role!r}{did_you_mean(role, ROLES[table])}; it has "
                f"{listed(ROLES[table], 20)}."
            )
        if column not in columns:
            raise DataError(
                f"The {table} table has no column {column!r}{did_you_mean(column, columns)}; it "
                f"has {listed(columns, 20)}."
            )
    return chosen


def _synonym(names: list[str], free: list[str]) -> str | None:
    by_plain: dict[str, str] = {}
    for column in free:
        by_plain.setdefault(plain(column), column)
    return next((by_plain[plain(name)] for name in names if plain(name) in by_plain), None)


def _nearest(names: list[str], free: list[str]) -> str | None:
    """Column whose name looks like a synonym that was misspelt; short names must be exact."""
    known = [plain(name) for name in names if len(plain(name)) >= 5]
    for column in free:
        if len(plain(column)) >= 5 and difflib.get_close_matches(plain(column), known, 1, LIKE):
            return column
    return None


def _require(found: Mapping[str, str], table: str, columns: list[str]) -> None:
    absent = [role for role in NEEDED[table] if role not in found]
    if table == "traps" and not ({"x", "y"} <= set(found) or {"lat", "lon"} <= set(found)):
        absent.append("x and y (or lat and lon)")
    if absent:
        nameless = any(_NAMELESS.fullmatch(column) for column in columns)
        two_rows = " Does the header take two rows? One is needed." if nameless else ""
        raise DataError(
            f"The {table} table has no column that can be {listed(absent)}. Its columns: "
            f"{listed(columns, 20)}.{two_rows} Rename the column, or name it: "
            f"columns={{{table!r}: {{{absent[0].split()[0]!r}: '...'}}}}."
        )


def mapping_table(mapping: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """The roles of all tables as a DataFrame with columns table, role, column."""
    rows = [
        {"table": table, "role": role, "column": column}
        for table, roles in mapping.items()
        for role, column in roles.items()
    ]
    return pd.DataFrame(rows, columns=["table", "role", "column"])
