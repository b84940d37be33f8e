"""Files of strangers: opened within limits of size, inside their own folder, nothing executed.

Every parser of a library is called inside `refusing`, so that whatever a malformed file makes it
raise reaches the user as one clear `DataError`.
"""

from __future__ import annotations

import stat
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO

from secr_nea._checks import did_you_mean, listed
from secr_nea._typing import PathLike
from secr_nea.errors import DataError, SecrError, SecrWarning

MEGABYTE = 1_000_000
MAX_FILE = 4_000 * MEGABYTE
"""Larger tables are refused: they are no table of a survey."""
MAX_WHOLE = 200 * MEGABYTE
"""Files that a parser holds in memory as a whole (JSON, XML, R objects) may have this size."""
MAX_MEMBERS = 10_000
MAX_RATIO = 200
"""An archive that grows by more than this, beyond `MAX_WHOLE`, is taken for a zip bomb."""


@contextmanager
def refusing(place: object, what: str) -> Iterator[None]:
    """Turn anything that a parser raises into a DataError that names the file.

    Parameters
    ----------
    place : object
        The file, for the message.
    what : str
        What the file should be: ``a CSV table``, ``a zip archive`` ...

    Raises
    ------
    DataError
        In place of any exception that is not the library's own.
    """
    told: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            yield
    except SecrError:
        raise
    except MemoryError:
        raise DataError(f"{place} is too large to be read as {what} in this memory.") from None
    except Exception as error:
        # the last resort for files of strangers: parsers raise what they like
        reason = " ".join(str(error).split())[:200] or "no reason given"
        raise DataError(
            f"{place} cannot be read as {what} ({type(error).__name__}: {reason}). Is it complete, "
            "and of this format?"
        ) from None
    # what parsers murmur is dropped, the library's own warnings are passed on
    for message in told:
        if issubclass(message.category, SecrWarning):
            warnings.warn_explicit(
                message.message, message.category, message.filename, message.lineno
            )


def existing_file(path: PathLike, what: str, limit: int = MAX_FILE) -> Path:
    """The file, if it exists and is not larger than ``limit`` bytes.

    Raises
    ------
    DataError
    """
    with refusing(repr(str(path)), what):
        found = Path(path)
        is_file = found.is_file()
    if not is_file:
        raise DataError(f"There is no {what} file {str(path)!r} (looked from {str(Path.cwd())!r}).")
    size = found.stat().st_size
    if size > limit:
        raise DataError(
            f"{found.name} ({what}) has {size / MEGABYTE:,.0f} MB; at most "
            f"{limit / MEGABYTE:,.0f} MB are read."
        )
    return found


@dataclass(frozen=True)
class Package:
    """Files of one folder or of one zip archive, by their relative names.

    Parameters
    ----------
    path : Path
        The folder or the archive.
    names : tuple of str
        Names with forward slashes.
    prefix : str
        Folder inside the archive that holds the files, ``""`` or ending in a slash.
    """

    path: Path
    names: tuple[str, ...]
    prefix: str = ""

    @property
    def is_zip(self) -> bool:
        """Whether the files are in an archive."""
        return self.path.is_file()

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return name in self.names

    @contextmanager
    def open(self, name: str, what: str) -> Iterator[IO[bytes]]:
        """One file as a stream of bytes; DataError when there is none."""
        if not self.has(name):
            raise DataError(
                f"{self.path.name} has no file {name!r} ({what})"
                f"{did_you_mean(name, self.names)}. Its files: {listed(self.names)}."
            )
        with refusing(f"{self.path.name}/{name}", what):
            if self.is_zip:
                with (
                    zipfile.ZipFile(self.path) as archive,
                    archive.open(self.prefix + name) as stream,
                ):
                    yield stream
            else:
                with (self.path / name).open("rb") as stream:
                    yield stream

    def bytes_of(self, name: str, what: str) -> bytes:
        """One file as a whole; DataError when it is too large to be held."""
        with self.open(name, what) as stream:
            content = stream.read(MAX_WHOLE + 1)
        if len(content) > MAX_WHOLE:
            raise DataError(f"{self.path.name}/{name} is larger than {MAX_WHOLE // MEGABYTE} MB.")
        return content


def open_package(path: PathLike, what: str, *, root: str | None = None) -> Package:
    """A folder or zip archive after the checks that make it safe to read.

    Parameters
    ----------
    path : path of a folder, a zip archive, or a file of the folder
    what : str
        For messages.
    root : str, optional
        Name of the file that lies at the top of the package; an archive may hold all of it in one
        folder. A path that ends in this name stands for its folder.

    Returns
    -------
    Package

    Raises
    ------
    DataError
        Nothing there, paths that leave the archive, links, encrypted or far too large members.
    """
    with refusing(repr(str(path)), what):
        place = Path(path)
        if root is not None and place.name == root and place.is_file():
            place = place.parent
        is_folder = place.is_dir()
    if is_folder:
        return Package(place, _files_of(place))
    existing_file(place, what)
    with refusing(place.name, "a zip archive"), zipfile.ZipFile(place) as archive:
        names = checked_members(archive, place)
    return Package(place, *_below(names, root))


def _files_of(folder: Path) -> tuple[str, ...]:
    """Files of a folder and its folders, without those that links lead out of it to."""
    top = folder.resolve()
    found: list[str] = []
    for file in folder.rglob("*"):
        if len(found) > MAX_MEMBERS:
            raise DataError(f"{folder} holds more than {MAX_MEMBERS:,} files; name a smaller one.")
        if file.is_file() and file.resolve().is_relative_to(top):
            found.append(file.relative_to(folder).as_posix())
    return tuple(sorted(found))


def checked_members(archive: zipfile.ZipFile, path: Path) -> list[str]:
    """Names of the files of an archive, all of which are safe to read.

    Raises
    ------
    DataError
    """
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise DataError(f"{path.name} holds {len(members):,} files; at most {MAX_MEMBERS:,} are.")
    for member in members:
        _check_name(member.filename, path)
        if stat.S_ISLNK(member.external_attr >> 16):
            raise DataError(f"{path.name} holds a link, {member.filename!r}; only files are read.")
        if member.flag_bits & 0x1:
            raise DataError(f"{path.name}: {member.filename!r} is encrypted. Unpack it first.")
    names = [member.filename for member in members if not member.is_dir()]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(names) < 500 else []
    if twice:
        raise DataError(f"{path.name} holds {listed(twice)} more than once.")
    size = sum(member.file_size for member in members)
    packed = max(path.stat().st_size, 1)
    if size > MAX_FILE or (size > MAX_WHOLE and size / packed > MAX_RATIO):
        raise DataError(
            f"{path.name} ({packed / MEGABYTE:,.1f} MB) would unpack to {size / MEGABYTE:,.0f} MB; "
            "it is refused as a zip bomb. Unpack it yourself if you trust it."
        )
    return names


def _check_name(name: str, path: Path) -> None:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if "\\" in name or name.startswith("/") or ".." in parts or (parts and ":" in parts[0]):
        raise DataError(
            f"{path.name} holds a file {name!r} whose path leaves the archive. It is not read."
        )


def _below(names: list[str], root: str | None) -> tuple[tuple[str, ...], str]:
    """Names below the folder that holds ``root``, and that folder."""
    seen = [name for name in names if not name.startswith("__MACOSX/")]
    tops = {name.split("/")[0] for name in seen}
    prefix = ""
    if (root is None or root not in seen) and len(tops) == 1 and all("/" in n for n in seen):
        prefix = f"{tops.pop()}/"
    return tuple(sorted(n.removeprefix(prefix) for n in seen if n.startswith(prefix))), prefix


def relative_name(name: object, package: Package) -> str:
    """A file name that a package's own description gives; DataError when it leaves the package."""
    if not isinstance(name, str) or not name:
        raise DataError(f"{package.path.name}: {name!r} is no file name.")
    if "://" in name:
        raise DataError(
            f"{package.path.name} points to {name!r} on the network; only files of the package "
            "are read. Download it and name the file."
        )
    _check_name(name, package.path)
    return PurePosixPath(name).as_posix()


def zip_file_of(content: bytes, name: str) -> zipfile.ZipFile:
    """An archive held in memory; DataError when it is none."""
    with refusing(name, "a zip archive"):
        return zipfile.ZipFile(BytesIO(content))
