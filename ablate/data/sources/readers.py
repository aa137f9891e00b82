"""Reading texts out of one file: plain text, JSON lines or parquet, in flat memory."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ablate.errors import UserError

_CHUNK = 1 << 20  # bytes
_BATCH = 8  # rows of parquet at a time: a row may be a whole book


class NotTextError(ValueError):
    """Bytes that are no UTF-8 text; the message says where."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where the texts are in a file: columns of jsonl and parquet; what cuts txt and md into documents."""

    text_column: str = "text"
    id_column: str | None = None
    separator: str | None = None


Row = tuple[str | None, str | NotTextError]  # the id column's value if there is one, and the text or why it is none


def read_rows(file: Path, layout: Layout) -> Iterator[Row]:
    """The texts of a file in order; empty ones included, so that counting rows is the caller's business.

    Raises:
        UserError: the file cannot be read, is malformed or lacks a column.
    """
    readers = {".jsonl": _read_jsonl, ".parquet": _read_parquet}
    try:
        yield from readers.get(file.suffix.lower(), _read_plain)(file, layout)
    except OSError as error:
        reason = error.strerror or str(error).partition("\n")[0]
        raise UserError(f"{file}: cannot be read: {reason}") from error


def _read_plain(file: Path, layout: Layout) -> Iterator[Row]:
    if layout.separator is None:
        yield None, _decode(file.read_bytes(), file, 0)
        return
    separator = re.compile(b"\r?\n".join(re.escape(line) for line in layout.separator.encode().split(b"\n")))
    rest, position = b"", 0  # position: of `rest` in the file
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            data, start = rest + chunk, 0
            for found in separator.finditer(data):
                yield None, _decode(data[start : found.start()], file, position + start)
                start = found.end()
            rest, position = data[start:], position + start
    yield None, _decode(rest, file, position)


def _decode(data: bytes, file: Path, position: int) -> str | NotTextError:
    """Text with Unix line ends and no byte order mark."""
    if (binary := data.find(b"\0")) >= 0:
        return NotTextError(f"{file}: binary, not text (a zero byte at byte {position + binary})")
    try:
        return data.decode().removeprefix("\ufeff").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        return NotTextError(f"{file}: not valid UTF-8 at byte {position + error.start}")


def _read_jsonl(file: Path, layout: Layout) -> Iterator[Row]:
    position = 0
    with file.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            text = _decode(line, file, position)
            position += len(line)
            if isinstance(text, NotTextError):
                yield None, text
            elif text.strip():
                yield _json_row(text, f"{file}:{number}", layout)


def _json_row(line: str, place: str, layout: Layout) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{place}: not JSON: {error}") from error
    if not isinstance(row, dict):
        raise UserError(f"{place}: {type(row).__name__} where an object with the key {layout.text_column!r} should be")
    _check_columns(list(row), place, layout)
    return _value_row(row.get(layout.id_column) if layout.id_column else None, row[layout.text_column], place, layout)


def _value_row(identity: Any, text: Any, place: str, layout: Layout) -> Row:
    if text is not None and not isinstance(text, str):
        raise UserError(f"{place}: data.text_column={layout.text_column} holds {type(text).__name__}, not text")
    if layout.id_column and identity is None:
        raise UserError(f"{place}: data.id_column={layout.id_column} is empty")
    return (str(identity) if layout.id_column else None), text or ""


def _read_parquet(file: Path, layout: Layout) -> Iterator[Row]:
    try:
        with pq.ParquetFile(file, buffer_size=_CHUNK) as table:
            _check_columns(table.schema_arrow.names, str(file), layout)
            wanted = [layout.text_column, *([layout.id_column] if layout.id_column else [])]
            number = 0
            for batch in _batches(table, wanted):
                for index in range(batch.num_rows):
                    number += 1
                    yield _parquet_row(batch, index, f"{file}: row {number}", layout)
    except pa.ArrowException as error:
        raise UserError(f"{file}: not a readable parquet file: {str(error).splitlines()[0]}") from error


def _batches(table: pq.ParquetFile, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Row groups one after the other: all at once, Arrow reads ahead and holds twice the memory."""
    for group in range(table.num_row_groups):
        yield from table.iter_batches(batch_size=_BATCH, row_groups=[group], columns=columns, use_threads=False)


def _parquet_row(batch: pa.RecordBatch, index: int, place: str, layout: Layout) -> Row:
    identity = batch.column(layout.id_column)[index].as_py() if layout.id_column else None
    try:
        text = batch.column(layout.text_column)[index].as_py()
    except UnicodeDecodeError as error:
        return None, NotTextError(f"{place}: not valid UTF-8 at byte {error.start} of its text")
    return _value_row(identity, text, place, layout)


def _check_columns(present: list[str], place: str, layout: Layout) -> None:
    for option, column in (("text_column", layout.text_column), ("id_column", layout.id_column)):
        if column is not None and column not in present:
            raise UserError(f"data.{option}={column}: not in {place}, which has {', '.join(map(str, present))}")
