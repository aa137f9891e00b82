"""Which side of the split a document is on, where the source does not say."""

from collections.abc import Iterable, Iterator

from ablate.data.documents import Document, Split
from ablate.data.hashing import key_of, mix, stream, uniform
from ablate.errors import UserError


def side_of(document_id: str, *, validation_fraction: float) -> Split:
    """By hash of the id: the same wherever the files lie and whatever else the corpus holds."""
    drawn = uniform(mix(stream(0, "validation"), key_of(document_id)))
    return "validation" if float(drawn) < validation_fraction else "train"


def check_fraction(validation_fraction: float) -> float:
    """The fraction, if it is one."""
    if not 0 < validation_fraction < 1:
        raise UserError(f"data.validation_fraction={validation_fraction}: must be between 0 and 1")
    return validation_fraction


def both_sides(documents: Iterable[Document], *, origin: str, remedy: str) -> Iterator[Document]:
    """The documents; a UserError after the last one where a side of the split got none."""
    counts: dict[Split, int] = {"train": 0, "validation": 0}
    for document in documents:
        counts[document.split] += 1
        yield document
    total = sum(counts.values())
    if not total:
        raise UserError(f"{origin}: there is no text in it")
    for side, count in counts.items():
        if not count:
            raise UserError(f"{origin}: none of its {total} documents is on the {side} side; {remedy}")
