"""Folders named by what they hold: written once under a lock, found again by key, rebuilt when damaged."""

import errno
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ablate.errors import UserError

_META = "meta.json"
_NOT_WRITABLE = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}


class DamagedError(Exception):
    """A cached folder that is not as it was when it was finished."""


def say(line: str) -> None:
    """One line to the person at the terminal; results go to stdout, notices here."""
    print(f"ablate: {line}", file=sys.stderr, flush=True)


def cache_key(*parts: str) -> str:
    """A key of 32 hex digits, of the parts and where one ends and the next begins."""
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()


@contextmanager
def cache_errors(folder: Path) -> Iterator[None]:
    """Turn a full, read-only or forbidden disk into a message that names the folder and the way out.

    Raises:
        UserError: the operating system refused to write.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _NOT_WRITABLE:
            raise
        reason = os.strerror(error.errno)
        raise UserError(
            f"cannot write to the cache folder {folder} ({reason}); "
            "set ABLATE_CACHE to a folder with free space that you may write to"
        ) from error


def find(path: Path) -> dict[str, Any] | None:
    """The notes of a finished folder; None where there is no folder. Reads only meta.json and the files' sizes.

    Raises:
        DamagedError: the folder is there, and its meta.json or a file's size is not what was written.
    """
    if not path.exists():
        return None
    try:
        meta = json.loads((path / _META).read_bytes())
        sizes, notes, checksum = meta["files"], meta["notes"], meta["checksum"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{_META} is missing or unreadable") from error
    if checksum != _checksum(sizes, notes):
        raise DamagedError(f"{_META} does not match its checksum")
    for name, size in sizes.items():
        file = path / name
        if not file.is_file() or file.stat().st_size != size:
            raise DamagedError(f"{name} is missing or truncated")
    return notes


def keyed_folder(parent: Path, key: str, fill: Callable[[Path], Mapping[str, Any]]) -> tuple[Path, dict[str, Any]]:
    """The folder `parent/key` and its notes; `fill(folder)` writes it, and returns the notes, if it is not there.

    Of several processes one fills and the others wait. A folder is filled under another name and renamed when it is
    complete, so that one left by a killed process is never taken for finished.
    """
    path = parent / key
    notes = _find_or_announce(path)
    if notes is not None:
        return path, notes
    parent.mkdir(parents=True, exist_ok=True)
    with locked(path):
        notes = _find_or_none(path)  # another process may have finished it while this one waited
        if notes is None:
            _fill(path, fill)
            notes = find(path)
    assert notes is not None
    return path, notes


def cached_arrays(folder: Path, key: str, build: Callable[[], Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays that `build` returns, memory-mapped read-only from `folder/key`; built at most once per key.

    Raises:
        UserError: the folder cannot be written.
    """

    def fill(path: Path) -> dict[str, Any]:
        arrays = build()
        for name, array in arrays.items():
            _save_array(path / f"{name}.npy", array)
        return {"names": list(arrays)}

    with cache_errors(folder):
        path, notes = keyed_folder(folder, key, fill)
    return {name: np.asarray(np.load(path / f"{name}.npy", mmap_mode="r")) for name in notes["names"]}


def _save_array(path: Path, array: np.ndarray) -> None:
    # np.save writes with tofile, whose error on a full disk has no errno
    array = np.ascontiguousarray(array)
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
        file.write(array.data)


def _checksum(sizes: Any, notes: Any) -> str:
    return cache_key(json.dumps([sizes, notes], sort_keys=True))


def _find_or_announce(path: Path) -> dict[str, Any] | None:
    try:
        return find(path)
    except DamagedError as error:
        say(f"the cache at {path} is damaged ({error}): building it again")
        return None


def _find_or_none(path: Path) -> dict[str, Any] | None:
    try:
        return find(path)
    except DamagedError:
        return None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Alone among processes, by a lock file beside `path`; says so when another one has it."""
    from filelock import FileLock, Timeout  # not needed, and not paid for, when the folder is found

    lock = FileLock(path.with_name(f"{path.name}.lock"))
    try:
        lock.acquire(timeout=1)
    except Timeout:
        say(f"waiting for another process that is preparing {path}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _fill(path: Path, fill: Callable[[Path], Mapping[str, Any]]) -> None:
    for left_over in path.parent.glob(f"{path.name}.tmp-*"):  # the lock is held, so nobody is writing there
        shutil.rmtree(left_over)
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    temporary.mkdir()
    try:
        notes = dict(fill(temporary))
        sizes = {
            str(file.relative_to(temporary)): file.stat().st_size
            for file in sorted(temporary.rglob("*"))
            if file.is_file()
        }
        meta = {"files": sizes, "notes": notes, "checksum": _checksum(sizes, notes)}
        (temporary / _META).write_text(json.dumps(meta, indent=1), encoding="utf-8")
        if path.exists():
            shutil.rmtree(path)
        temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
