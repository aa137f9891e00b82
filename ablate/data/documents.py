"""What every data source yields: whole documents, each on one side of the split."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

Split = Literal["train", "validation"]


@dataclass(frozen=True, slots=True)
class Document:
    """One document. `id` is unique and stable in its source; `group` is a coarse origin, say the library it is from."""

    id: str
    text: str
    split: Split
    group: str = ""


@runtime_checkable
class Source(Protocol):
    """A corpus to read. Built by Hydra from conf/data; a user's own source needs only these."""

    name: str

    def key(self) -> str:
        """A hex digest of what identifies the content unread: path, size, mtime or versions, and every parameter.

        Answers in milliseconds. Equal keys promise equal documents.
        """
        ...

    def documents(self) -> Iterator[Document]:
        """The documents in a fixed order; may be called more than once; never holds the corpus in memory.

        Raises:
            UserError: nothing there, unreadable, or not text; the message names the path.
        """
        ...
