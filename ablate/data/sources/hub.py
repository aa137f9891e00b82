"""A Hugging Face data set as a corpus: by name from the Hub, or a local folder of one."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from ablate.data.documents import Document, Split
from ablate.data.sources.files import signature
from ablate.data.sources.split import both_sides, check_fraction, side_of
from ablate.errors import UserError

_RULES = 1  # counted up whenever the same data set would give other documents
_BATCH = 256  # rows read at a time
_REMEDY = "give data.validation_split or another data.validation_fraction"
_TITLE = re.compile(r"\s*= (?!=)(?:.*[^=\s])? =\s*")  # ` = Title = `, not ` = = Section = = `
_HEADING = re.compile(r"\s*((?:= )+)(.*?)((?: =)+)\s*")


class HubDataset:
    """Documents from the rows of a Hugging Face data set."""

    def __init__(
        self,
        *,
        path: str,
        name: str | None = None,
        config: str | None = None,
        split: str = "train",
        validation_split: str | None = None,
        validation_fraction: float = 0.05,
        text_column: str = "text",
        revision: str | None = None,
        streaming: bool = False,
        document: str = "row",
        block_rows: int = 500,
    ) -> None:
        """`path` is a name on the Hub, a folder that `save_to_disk` wrote, or a folder of parquet (or other) files.

        `document` says what a document is: a row; the rows from one ` = Title = ` row to the next (wikitext); or
        `block_rows` rows in a row (sentence by sentence sets, such as bookcorpus). `validation_split` is held out;
        without it, documents are, by hash. HF_HOME and HF_HUB_OFFLINE are honoured.
        """
        if document not in ("row", "heading", "block"):
            raise UserError(f"data.document={document}: must be row, heading or block")
        if block_rows < 1:
            raise UserError(f"data.block_rows={block_rows}: must be at least 1")
        if split == validation_split:
            raise UserError(f"data.validation_split={validation_split}: is data.split as well")
        self.name = name or Path(path).name
        self._path = path
        self._config = config
        self._revision = revision
        self._streaming = streaming
        self._split = split
        self._validation_split = validation_split
        self._fraction = check_fraction(validation_fraction)
        self._column = text_column
        self._document = document
        self._block_rows = block_rows

    def key(self) -> str:
        """Of the parameters and, for a local folder, its files' sizes and times; a Hub set is taken at its word."""
        folder = Path(self._path).expanduser()
        files = sorted(file for file in folder.rglob("*") if file.is_file()) if folder.is_dir() else []
        parameters = [
            _RULES,
            self._path,
            self._config,
            self._revision,
            self._split,
            self._validation_split,
        ]
        parameters += [self._fraction, self._column, self._document, self._block_rows]
        return hashlib.blake2b(json.dumps([parameters, signature(files)]).encode(), digest_size=16).hexdigest()

    def documents(self) -> Iterator[Document]:
        """The documents in the data set's order; empty ones are left out.

        Raises:
            UserError: not found, out of reach, script-based, or without the column, configuration or split.
        """
        return both_sides(self._documents(), origin=f"data.path={self._path}", remedy=_REMEDY)

    def _documents(self) -> Iterator[Document]:
        sides: list[tuple[str, Split | None]] = [(self._split, None)]
        if self._validation_split is not None:
            sides = [(self._split, "train"), (self._validation_split, "validation")]
        for split, known in sides:
            for first, text in self._texts(_rows(self._loaded(split), self._column, self._path)):
                document_id = f"{split}:{first}"
                side = known or side_of(document_id, validation_fraction=self._fraction)
                yield Document(id=document_id, text=text, split=side)

    def _texts(self, rows: Iterable[str]) -> Iterator[tuple[int, str]]:
        """Index of a document's first row, and its text."""
        if self._document == "row":
            yield from ((index, row) for index, row in enumerate(rows) if row.strip())
            return
        first = 0
        group: list[str] = []
        for index, row in enumerate(rows):
            full = index - first == self._block_rows if self._document == "block" else _TITLE.fullmatch(row)
            if full and group:
                yield first, "\n\n".join(group)
                group = []
            if full:
                first = index
            if row.strip():
                group.append(_plain(row) if self._document == "heading" else row.strip())
        if group:
            yield first, "\n\n".join(group)

    def _loaded(self, split: str) -> Any:
        """A `datasets.Dataset` or `IterableDataset`."""
        import datasets  # takes a second, which `--help` must not cost

        folder = Path(self._path).expanduser()
        try:
            if (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file():
                return _one_split(datasets.load_from_disk(str(folder)), split, self._path)
            path = str(folder) if folder.exists() else self._path
            options = {"name": self._config, "revision": self._revision, "streaming": self._streaming}
            return datasets.load_dataset(path, split=split, **options)
        except UserError:
            raise
        except Exception as error:  # the library and the three below it raise some twenty kinds
            raise UserError(f"data.path={self._path}: {_explain(error, split, self._config)}") from error


def _one_split(saved: Any, split: str, path: str) -> Any:
    """The split of what `load_from_disk` gave; a set saved without splits is its own `train`."""
    splits = dict(saved) if isinstance(saved, dict) else {str(saved.split or "train"): saved}
    if split not in splits:
        raise UserError(f"data.split={split}: {path} has {', '.join(splits)}")
    return splits[split]


def _rows(dataset: Any, column: str, path: str) -> Iterator[str]:
    """The text column, row by row; None is an empty text."""
    batches = dataset.iter(batch_size=_BATCH)
    first = next(batches, None)
    if first is None:
        return
    if column not in first:
        raise UserError(f"data.text_column={column}: not in {path}, which has {', '.join(first)}")
    if dataset.column_names is not None:
        batches = dataset.select_columns([column]).iter(batch_size=_BATCH)
        first = next(batches)
    for batch in chain([first], batches):
        for text in batch[column]:
            if not isinstance(text, str | None):
                raise UserError(f"data.text_column={column}: holds {type(text).__name__} in {path}, not text")
            yield text or ""


def _plain(row: str) -> str:
    """A row of wikitext without the signs of a heading."""
    heading = _HEADING.fullmatch(row)
    return heading[2].strip() if heading else row.strip()


def _explain(error: Exception, split: str, config: str | None) -> str:
    """What went wrong in the words of a user's options, with the library's first line where it knows more."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    message = " ".join(str(error).split())[:300] or type(error).__name__
    lower = message.lower()
    if "scripts are no longer supported" in lower:
        return "is made by a script, which `datasets` no longer runs; use a parquet copy of it"
    if "unknown split" in lower or "bad split" in lower:
        return f"data.split={split}: {message}"
    if "builderconfig" in lower or "config name is missing" in lower:
        return f"data.config={config}: {message}"
    offline = kinds & {
        "OfflineModeIsEnabled",
        "LocalEntryNotFoundError",
        "ConnectionError",
        "ConnectError",
        "TimeoutException",
    }
    if offline or "offline" in lower or "couldn't reach" in lower:
        return f"cannot be reached, and is not in the cache of `datasets`: {message}"
    if kinds & {"DatasetNotFoundError", "RepositoryNotFoundError"}:
        return "no such folder and no such data set on the Hub (or it is private or gated)"
    if kinds & {"DataFilesNotFoundError", "EmptyDatasetError"}:
        return f"holds no data files that `datasets` can read: {message}"
    return f"cannot be loaded: {type(error).__name__}: {message}"
