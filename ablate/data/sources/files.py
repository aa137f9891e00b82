"""Files of text: finding them, and what identifies them unread."""

import glob
import os
from collections.abc import Iterator
from pathlib import Path

from ablate.errors import UserError

EXTENSIONS = (".txt", ".md", ".jsonl", ".parquet")


def name_of(path: str) -> str:
    """What a corpus at a file, folder or glob is called where nothing else is said."""
    return Path(path.split("*")[0].rstrip("/")).stem or "data"


def find_files(path: str, *, option: str) -> list[tuple[str, Path]]:
    """(name, file) of a file, of a folder's files or of a glob's, sorted by name.

    Folders are searched recursively and through links; what is hidden is left out.

    Names are relative to the folder, or to the part of the glob before its first wildcard.

    Raises:
        UserError: nothing there, or not text; the message names `option`.
    """
    place = Path(path).expanduser()
    if place.is_file():
        found = [(place.name, place)]
    elif place.is_dir():
        inside = ((file.relative_to(place), file) for file in _inside(place) if file.suffix.lower() in EXTENSIONS)
        found = [
            (name.as_posix(), file)
            for name, file in inside
            if file.is_file() and not any(part.startswith(".") for part in name.parts)
        ]
        if not found:
            raise UserError(f"{option}={path}: no {', '.join(EXTENSIONS)} file in this folder")
    else:
        found = _matching(place)
        if not found:
            problem = "no file matches" if glob.has_magic(path) else "no such file or folder"
            raise UserError(f"{option}={path}: {problem}")
    for _, file in found:
        if file.suffix.lower() not in EXTENSIONS:
            raise UserError(f"{option}={path}: {file.name} is not one of {', '.join(EXTENSIONS)}")
    return sorted(found)


def _inside(folder: Path) -> Iterator[Path]:
    """Every file, also in folders that are links; a folder that several lead to once."""
    seen: set[str] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        here = os.path.realpath(place)
        folders[:] = sorted(folders) if here not in seen else []
        yield from (Path(place) / file for file in files if here not in seen)
        seen.add(here)


def _matching(pattern: Path) -> list[tuple[str, Path]]:
    fixed = Path()
    for part in pattern.parts:
        if glob.has_magic(part):
            break
        fixed /= part
    files = [Path(match) for match in glob.glob(str(pattern), recursive=True)]  # noqa: PTH207 (absolute patterns)
    return [(file.relative_to(fixed).as_posix(), file) for file in files if file.is_file()]


def signature(files: list[Path]) -> list[tuple[str, int, int]]:
    """Absolute path, size in bytes and modification time in nanoseconds of each file."""
    stats = ((file, file.stat()) for file in files)
    return [(os.path.abspath(file), stat.st_size, stat.st_mtime_ns) for file, stat in stats]  # noqa: PTH100 (no symlinks)
