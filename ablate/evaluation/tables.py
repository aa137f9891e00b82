"""Tasks from tables: the hub, a folder of files, or a user's own csv, tsv, jsonl or parquet file."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ablate.errors import UserError
from ablate.evaluation.tasks import HeldOutText, Kind, Recipe, Task, check_task

SUFFIXES = (".parquet", ".csv", ".tsv", ".jsonl", ".json")


def table_task(
    *, name: str, kind: Kind, path: str, text: list[str], metrics: list[str], tests: dict[str, str],
    config: str | None = None, train: str = "train", label: str | None = "label", labels: list[Any] | None = None,
    answers: str = "answers", id: str | None = None, max_train: int | None = None, max_length: int = 128,
    stride: int = 64, finetuning: dict[str, Any] | None = None, start_from: Task | None = None,
) -> Task:  # fmt: skip
    """A task whose examples are rows. `path` is a name on the Hub, or a folder that holds a file per split.

    `train` and the values of `tests` are splits or, as `custom` has them, files. `text` names one column, or two for
    pairs; for spans the question's and the context's. `labels` are the classes: their names in the order of the
    integers in the `label` column, or the very values that stand there. `id` names the examples; None: row numbers.

    Raises:
        UserError: a setting that does not fit.
    """
    if not 1 <= len(text) <= 2 or (kind == "span" and len(text) != 2):
        raise UserError(f"task.text={text}: give one column, or two for pairs; for spans question and context")
    names = tuple(str(value) for value in labels or ())

    def load(_: HeldOutText | None) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
        def read(split: str) -> pd.DataFrame:
            table, where = read_split(path, config, split)
            return examples(
                table, where=where, kind=kind, text=text, label=label, labels=names, answers=answers, identity=id
            )

        return read(train), {test: read(split) for test, split in tests.items()}

    recipe = Recipe().but(**{"max_train": max_train, **(finetuning or {})})
    return check_task(Task(
        name=name, kind=kind, labels=names, metrics=tuple(metrics), pair=len(text) == 2, tests=tuple(tests),
        recipe=recipe, load=load, max_length=max_length, stride=stride, start_from=start_from,
    ))  # fmt: skip


def read_split(path: str, config: str | None, split: str) -> tuple[pd.DataFrame, str]:
    """One split as a data frame, and where it is from in words.

    Raises:
        UserError: no such file, folder, data set or split; or it cannot be read.
    """
    direct = Path(split).expanduser()
    if direct.suffix in SUFFIXES:
        file = direct if direct.is_absolute() or direct.exists() else Path(path).expanduser() / direct
        return _read_file(file), str(file)
    folder = Path(path).expanduser()
    if folder.exists():
        files = _split_files(folder, config, split)
        return pd.concat([_read_file(file) for file in files], ignore_index=True), f"{files[0].parent} ({split})"
    if folder.is_absolute() or path.startswith(".") or path.count("/") > 1:
        raise UserError(f"task.path={path}: no such folder")
    return _from_hub(path, config, split), f"{path} ({split})"


def _split_files(folder: Path, config: str | None, split: str) -> list[Path]:
    """The split's files: of the config's folder, where there is one, and else not of other configs' folders."""
    inner = folder / config if config else folder
    if inner.is_dir():
        tables = [f for f in inner.rglob("*") if f.suffix in SUFFIXES]
    else:
        tables = [f for place in (folder, folder / "data") for f in place.glob("*") if f.suffix in SUFFIXES]
    files = sorted(f for f in tables if f.stem.split("-")[0] == split)
    if not files:
        there = ", ".join(sorted({f.stem.split("-")[0] for f in tables})) or "no tables"
        missing = "" if inner.is_dir() else f" and no folder {config}"
        raise UserError(f"task.path={folder}: has no split {split}{missing}; it has {there}")
    return files


def _read_file(file: Path) -> pd.DataFrame:
    cells: dict[str, Any] = {"keep_default_na": False, "na_values": [""]}  # "NA" and "null" are words
    readers: dict[str, Callable[[Path], Any]] = {
        ".parquet": pd.read_parquet, ".csv": lambda f: pd.read_csv(f, **cells),
        ".tsv": lambda f: pd.read_csv(f, sep="\t", quoting=csv.QUOTE_NONE, **cells),  # as GLUE's files are written
        ".jsonl": lambda f: pd.read_json(f, lines=True), ".json": pd.read_json,
    }  # fmt: skip
    if file.suffix not in readers:
        raise UserError(f"task: {file}: must be one of {', '.join(SUFFIXES)}")
    try:
        table = readers[file.suffix](file)
    except FileNotFoundError as error:
        raise UserError(f"task: {file}: no such file") from error
    except (OSError, ValueError, pa.ArrowException) as error:  # pandas' parser errors are ValueErrors
        raise UserError(f"task: {file}: cannot be read: {str(error).splitlines()[0]}") from error
    return pd.DataFrame(table)


def _from_hub(path: str, config: str | None, split: str) -> pd.DataFrame:
    from datasets import load_dataset  # slow to import, and local files do without

    try:
        return pd.DataFrame(load_dataset(path, config, split=split).to_pandas())
    except Exception as error:  # the library raises many kinds; each means that the examples cannot be had
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"task.path={path}: cannot be had from the Hub ({reason}); give a local folder, task.path=FOLDER"
        ) from error


def examples(
    table: pd.DataFrame, *, where: str, kind: Kind, text: list[str], label: str | None, labels: tuple[str, ...],
    answers: str, identity: str | None,
) -> pd.DataFrame:  # fmt: skip
    """Rows as examples (see TaskData).

    Raises:
        UserError: a column is missing, a text is empty, an id comes twice, or a label is outside the map.
    """
    wanted: dict[str, list[Any]] = {
        "text": text,
        "label": [label] if kind != "span" else [],
        "answers": [answers] if kind == "span" else [],
    }
    for option, columns in (*wanted.items(), ("id", [identity] if identity else [])):
        for column in columns:
            if column not in table:
                raise UserError(f"task.{option}={column}: not in {where}, which has {', '.join(map(str, table))}")
    if table.empty:
        raise UserError(f"task: {where}: has no rows")
    ids = table[identity].astype(str) if identity else pd.Series([str(n) for n in range(len(table))])
    twice = ids[ids.duplicated()]
    if not twice.empty:
        raise UserError(f"task.id={identity}: {where}: {twice.iloc[0]} comes twice; an id names one example")
    frame = pd.DataFrame({"id": ids.to_numpy(dtype=object)})
    for name, column in zip(("first", "second"), text, strict=False):
        frame[name] = _texts(table[column], where=where, column=column)
    if kind == "span":
        return frame.assign(**_answers(table[answers], frame["second"], where=where))
    assert label is not None
    as_labels = _classes if kind == "classification" else _numbers
    frame["label"] = as_labels(table[label], labels=labels, where=where, column=label)
    return frame


def _texts(cells: pd.Series, *, where: str, column: str) -> np.ndarray:
    missing = cells.isna().to_numpy()
    values = cells.to_numpy(dtype=object)
    for row, value in enumerate(values):
        if missing[row] or not isinstance(value, str) or not value.strip():
            kind = "empty" if missing[row] or isinstance(value, str) else type(value).__name__
            raise UserError(f"task: {where}: row {row}: column {column} is {kind} where text should be")
    return values


def _classes(cells: pd.Series, *, labels: tuple[str, ...], where: str, column: str) -> np.ndarray:
    """Indices: of the label's name, or the integer itself where no cell holds a name."""
    plain = [_plain(value) for value in _filled(cells)]
    index = {label: number for number, label in enumerate(labels)}
    if not any(value in index for value in plain):
        index = {str(number): number for number in range(len(labels))}
    for row, value in enumerate(plain):
        if value not in index:
            hint = " (GLUE's test labels are hidden: use validation)" if value == "-1" else ""
            raise UserError(
                f"task: {where}: row {row}: {column}={value}: not among task.labels {', '.join(labels)}{hint}"
            )
    return np.array([index[value] for value in plain], dtype=np.int64)


def _plain(value: Any) -> str:
    """As text; 1.0 as 1, since a column of integers with a gap is read as floats."""
    return str(int(value)) if isinstance(value, (float, np.floating)) and value.is_integer() else str(value)


def _filled(cells: pd.Series) -> list[Any]:
    return ["missing" if missing else value for value, missing in zip(cells, cells.isna(), strict=True)]


def _numbers(cells: pd.Series, *, labels: tuple[str, ...], where: str, column: str) -> np.ndarray:  # noqa: ARG001
    values = np.asarray(pd.to_numeric(cells, errors="coerce"), dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise UserError(
            f"task: {where}: row {bad[0]}: {column}={cells.iloc[int(bad[0])]}: not a number, "
            "and task.kind=regression needs one"
        )
    return values


def _answers(column: pd.Series, contexts: pd.Series, *, where: str) -> dict[str, Any]:
    """SQuAD's `{"text": [...], "answer_start": [...]}`; no answers for questions that the context leaves open."""
    texts, starts = [], []
    for row, (value, context) in enumerate(zip(column, contexts, strict=True)):
        if not isinstance(value, dict) or not {"text", "answer_start"} <= value.keys():
            raise UserError(f"task: {where}: row {row}: answers must hold text and answer_start")
        said, at = [str(t) for t in value["text"]], [int(s) for s in value["answer_start"]]
        for answer, start in zip(said, at, strict=True):
            if context[start : start + len(answer)] != answer:
                raise UserError(f"task: {where}: row {row}: the context does not have {answer!r} at {start}")
        texts.append(said)
        starts.append(at)
    return {"answers": texts, "starts": starts, "label": 0}
