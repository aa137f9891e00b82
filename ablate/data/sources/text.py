"""A user's own files as a corpus: txt, md, jsonl or parquet."""

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from ablate.data.documents import Document, Split
from ablate.data.sources.files import find_files, name_of, signature
from ablate.data.sources.readers import Layout, NotTextError, read_rows
from ablate.data.sources.split import both_sides, check_fraction, side_of
from ablate.errors import UserError

_RULES = 1  # counted up whenever the same files would give other documents
_REMEDY = "give data.validation_path, another data.validation_fraction, or more documents (data.separator cuts files)"


class TextFiles:
    """Documents from files: one a file (txt, md; or cut at `separator`), one a row (jsonl, parquet)."""

    def __init__(
        self,
        *,
        path: str,
        name: str | None = None,
        validation_path: str | None = None,
        validation_fraction: float = 0.05,
        text_column: str = "text",
        id_column: str | None = None,
        separator: str | None = None,
        bad_utf8: Literal["fail", "skip"] = "fail",
    ) -> None:
        r"""`path` and `validation_path` are a file, a folder or a glob.

        Files of `validation_path` are held out, wherever they lie; without it, documents are, by hash of their id.
        `separator` may be typed with `\n` and `\t`. `bad_utf8="skip"` leaves out, with a notice, the documents that
        are not UTF-8 text.
        """
        if bad_utf8 not in ("fail", "skip"):
            raise UserError(f"data.bad_utf8={bad_utf8}: must be fail or skip")
        if separator is not None:
            separator = separator.replace("\\n", "\n").replace("\\t", "\t")
            if not separator:
                raise UserError("data.separator is empty: give the text that stands between documents, or null")
        self.name = name or name_of(path)
        self._path = path
        self._validation_path = validation_path
        self._fraction = check_fraction(validation_fraction)
        self._layout = Layout(text_column=text_column, id_column=id_column, separator=separator)
        self._bad_utf8 = bad_utf8

    def key(self) -> str:
        """Of the files' paths, sizes and modification times, and of the parameters."""
        layout = self._layout
        parameters = [_RULES, self._fraction, layout.text_column, layout.id_column, layout.separator, self._bad_utf8]
        files = [(split, name, *signature([file])) for split, name, file in self._files()]
        return hashlib.blake2b(json.dumps([parameters, files]).encode(), digest_size=16).hexdigest()

    def documents(self) -> Iterator[Document]:
        """The documents in the order of the file names; empty ones are left out.

        Raises:
            UserError: nothing there, unreadable, not text, or one side of the split without a document.
        """
        return both_sides(self._documents(), origin=f"data.path={self._path}", remedy=_REMEDY)

    def _documents(self) -> Iterator[Document]:
        seen: set[int] = set()
        for split, name, file in self._files():
            for number, (identity, text) in enumerate(read_rows(file, self._layout)):
                if isinstance(text, NotTextError):
                    self._refuse(text)
                elif text.strip():
                    row_id = name if self._is_whole(file) else f"{name}:{number}"
                    own = row_id if identity is None else identity
                    document_id = f"validation/{own}" if split == "validation" else own
                    if identity is not None:
                        self._check_unseen(document_id, seen, file)
                    side = split or side_of(document_id, validation_fraction=self._fraction)
                    yield Document(id=document_id, text=text, split=side)

    def _files(self) -> list[tuple[Split | None, str, Path]]:
        """(side if it is known, name, file)."""
        files = find_files(self._path, option="data.path")
        if self._validation_path is None:
            return [(None, name, file) for name, file in files]
        held_out = find_files(self._validation_path, option="data.validation_path")
        places = {file.resolve() for _, file in held_out}
        train = [(name, file) for name, file in files if file.resolve() not in places]
        if not train:
            raise UserError(f"data.path={self._path}: all its files are in data.validation_path as well")
        return [*(("train", *entry) for entry in train), *(("validation", *entry) for entry in held_out)]

    def _is_whole(self, file: Path) -> bool:
        return file.suffix.lower() in (".txt", ".md") and self._layout.separator is None

    def _check_unseen(self, document_id: str, seen: set[int], file: Path) -> None:
        if hash(document_id) in seen:
            raise UserError(f"data.id_column={self._layout.id_column}: {document_id!r} occurs again in {file}")
        seen.add(hash(document_id))

    def _refuse(self, problem: NotTextError) -> None:
        if self._bad_utf8 == "fail":
            raise UserError(f"{problem}; data.bad_utf8=skip leaves such documents out")
        print(f"left out: {problem}", file=sys.stderr)
