"""Results of a study on disk: one small file for every few replicates, so that nothing is lost."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from secr_nea._typing import PathLike
from secr_nea._version import __version__
from secr_nea.design.replicate import Row
from secr_nea.errors import DataError

Chunk = tuple[int, int, int]
_HEAD = "study.json"


class StudyFolder:
    """A folder that holds what was done of a study.

    Parameters
    ----------
    path : str or Path
        Made when it does not exist.
    head : dict
        What the study is: names and fingerprints of scenarios, options, seed.

    Raises
    ------
    DataError
        If the folder holds another study.
    """

    def __init__(self, path: PathLike, head: dict[str, Any]) -> None:
        self.path = Path(path)
        if self.path.exists() and not self.path.is_dir():
            raise DataError(f"{str(path)!r} is a file; a study needs a folder.")
        self.path.mkdir(parents=True, exist_ok=True)
        file = self.path / _HEAD
        if file.exists():
            _check_same(json.loads(file.read_text()), head, self.path)
        else:
            _write(file, {**head, "version": __version__})

    def read(self, chunks: Sequence[Chunk]) -> dict[Chunk, list[Row]]:
        """Results of the chunks that are complete; a broken file counts as not done."""
        found = {}
        for chunk in chunks:
            file = self._file(chunk)
            if file.exists():
                rows = _rows(file)
                if rows is not None and len(rows) == chunk[2]:
                    found[chunk] = rows
        return found

    def write(self, chunk: Chunk, rows: list[Row]) -> None:
        """Keep the results of a chunk: all of it or nothing."""
        _write(self._file(chunk), [_plain(row) for row in rows])

    def _file(self, chunk: Chunk) -> Path:
        scenario, first, number = chunk
        return self.path / f"scenario_{scenario:03d}_from_{first:06d}_n_{number:03d}.json"


def _write(file: Path, contents: Any) -> None:
    # written beside and then renamed: an interruption never leaves half a file under its name
    beside = file.with_suffix(".part")
    beside.write_text(json.dumps(contents, indent=None, allow_nan=False))
    beside.replace(file)


def _rows(file: Path) -> list[Row] | None:
    try:
        rows = json.loads(file.read_text())
    except (OSError, json.JSONDecodeError):
        return None
    return [{k: math.nan if v is None else v for k, v in row.items()} for row in rows]


def _plain(row: Row) -> Row:
    """NaN and infinity, which JSON does not have, become null."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in row.items()
    }


def _check_same(there: dict[str, Any], head: dict[str, Any], path: Path) -> None:
    different = [key for key in head if there.get(key) != head[key]]
    if different:
        raise DataError(
            f"The folder {str(path)!r} holds another study ({', '.join(different)} differ). Give "
            "another folder, or the same scenarios, formulas and seed to go on with it."
        )
