"""Embedded tasks: made from held-out text, so that every installation has downstream numbers without a download.

The examples depend on the held-out text alone: not on the recipe, the tokenizer or the seed. They are made once and
cached.
"""

import heapq
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ablate.data.cache import cache_errors, cache_key, keyed_folder
from ablate.data.documents import Document
from ablate.data.hashing import key_of, mix, stream
from ablate.data.sentences import split_sentences
from ablate.data.sources.near_duplicates import clusters, held_out
from ablate.data.store import known_fingerprint, read_fingerprint
from ablate.errors import UserError
from ablate.evaluation.tasks import HeldOutText, Recipe, Task, check_task

RULES = 1  # counted up whenever the same text would give other examples
TEST_SHARE = 0.35  # of the held-out characters
MOST_CHARACTERS = 5_000_000  # of held-out text that is read; the documents with the smallest hashes
FEWEST = 100  # examples on each side; fewer say nothing


@dataclass(frozen=True)
class Passage:
    """A held-out document cut into paragraphs of sentences; `train` is the task's side, not the corpus's."""

    id: str
    group: str
    paragraphs: list[list[str]]
    train: bool


Make = Callable[[list[Passage]], pd.DataFrame]


def embedded_task(
    *, name: str, make: Make, labels: list[str], pair: bool, train: int = 2000, test: int = 1000,
    metrics: list[str] | None = None, max_train: int | None = None, max_length: int = 128,
    finetuning: dict[str, Any] | None = None,
) -> Task:  # fmt: skip
    """A task made from held-out text by `make`: balanced, without repeats, `train` and `test` examples at most.

    `make` returns a frame with `id`, `first`, perhaps `second`, `label`, `group` (the document) and `train`.
    """
    made = make.func if isinstance(make, partial) else make
    asked: list[Any] = [RULES, name, f"{made.__module__}.{made.__qualname__}", len(labels), train, test]
    if isinstance(make, partial) and (make.args or make.keywords):
        asked += [make.args, make.keywords]
    settings = json.dumps(asked, sort_keys=True, default=str)

    def load(text: HeldOutText | None) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
        assert text is not None, "embedded tasks need held-out text"
        folder = _cached(text, settings, partial(_build, text, make, name=name, sizes=(train, test)))
        sides = [pd.read_parquet(folder / f"{side}.parquet") for side in ("train", "test")]
        if min(map(len, sides)) < FEWEST:
            raise NotEnoughText(
                f"task={name}: the held-out text of data={text.source.name} gives {len(sides[0])} training and "
                f"{len(sides[1])} test examples, fewer than {FEWEST}"
            )
        return sides[0], {name: sides[1]}

    recipe = Recipe(learning_rates=(3e-4, 1e-4)).but(**{"max_train": max_train, **(finetuning or {})})
    return check_task(Task(
        name=name, kind="classification", labels=tuple(labels), metrics=tuple(metrics or ["accuracy"]), pair=pair,
        tests=(name,), recipe=recipe, load=load, max_length=max_length,
    ))  # fmt: skip


class NotEnoughText(UserError):
    """The held-out text cannot give this task: too little of it, or no groups where groups are the labels."""


def _cached(text: HeldOutText, settings: str, build: Callable[[Path], dict[str, Any]]) -> Path:
    """The folder of a task's examples, found by the held-out text's content.

    Raises:
        UserError: the pinned corpus is gone and its examples are not in the cache.
    """
    now = known_fingerprint(text.source, cache=text.cache)
    key = cache_key("embedded", text.fingerprint or now or text.source.key(), settings)
    parent = text.cache / "tasks"
    made = (parent / key).exists()
    if text.fingerprint is not None and not made and text.fingerprint != (now or read_fingerprint(text.source)):
        raise UserError(
            f"data={text.source.name}: the corpus has changed since these runs began, and the examples made from it "
            "are not in the cache; data.refresh=true adopts the new one, under new run ids"
        )
    with cache_errors(text.cache):
        return keyed_folder(parent, key, build)[0]


def _build(text: HeldOutText, make: Make, folder: Path, *, name: str, sizes: tuple[int, int]) -> dict[str, Any]:
    made = without_repeats(make(passages(list(_held_out_documents(text)))))
    for side, size in zip(("train", "test"), sizes, strict=True):
        chosen = balanced(made[made["train"] == (side == "train")], size)
        chosen.drop(columns="train").to_parquet(folder / f"{side}.parquet", index=False)
    return {"name": name}


def _held_out_documents(text: HeldOutText) -> Iterator[Document]:
    """Held-out documents in the source's order: all, or of a large source those with the smallest hashes."""
    kept: list[tuple[int, int, Document]] = []
    total = 0
    for number, document in enumerate(d for d in text.source.documents() if d.split == "validation"):
        heapq.heappush(kept, (-key_of(document.id), number, document))
        total += len(document.text)
        while total > MOST_CHARACTERS and len(kept) > 1:
            total -= len(heapq.heappop(kept)[2].text)
    for _, _, document in sorted(kept, key=lambda entry: entry[1]):
        yield document


def passages(documents: list[Document]) -> list[Passage]:
    """Documents as sentences, each on one side of the task; those that share eight words in a row are on one side."""
    cut = list(itertools.chain.from_iterable(_pieces(document) for document in documents))
    ids = [f"{document.id}#{number}" for document, number, _ in cut]
    texts = ["\n\n".join(paragraphs) for _, _, paragraphs in cut]
    sizes = np.array([len(text) for text in texts], dtype=np.int64)
    test = held_out(ids, sizes=sizes, labels=clusters(texts), fraction=TEST_SHARE)
    return [
        Passage(id, document.group, [_sentences(p) for p in paragraphs], train=not is_test)
        for id, (document, _, paragraphs), is_test in zip(ids, cut, test, strict=True)
    ]


def _pieces(document: Document, size: int = 50_000) -> Iterator[tuple[Document, int, list[str]]]:
    """Runs of whole paragraphs of about `size` characters: a held-out side may be a few long books."""
    part: list[str] = []
    number = 0
    for paragraph in filter(str.strip, document.text.split("\n\n")):
        part.append(paragraph)
        if sum(map(len, part)) >= size:
            yield document, number, part
            part, number = [], number + 1
    if part:
        yield document, number, part


def _sentences(paragraph: str) -> list[str]:
    return [" ".join(paragraph[start:end].split()) for start, end in split_sentences(paragraph)]


def without_repeats(examples: pd.DataFrame) -> pd.DataFrame:
    """Each text once, over both sides, by its words without case and punctuation; the first copy stays."""
    columns = [column for column in ("first", "second") if column in examples]
    keys = pd.concat([examples[column].map(_bare) for column in columns])
    seen = keys.duplicated().groupby(level=0).any()
    return examples[~seen.reindex(examples.index)].reset_index(drop=True)


def _bare(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def balanced(examples: pd.DataFrame, most: int) -> pd.DataFrame:
    """Equally many of each label, `most` at most in all, chosen by a hash of their ids; in the order of the hash."""
    keys = np.array([key_of(name) for name in examples["id"]], dtype=np.uint64)
    order = np.argsort(mix(stream(0, "embedded"), keys.view(np.int64)), kind="stable")
    mixed = examples.iloc[order]
    counts = mixed["label"].value_counts()
    each = min(int(counts.min()), most // len(counts)) if len(counts) else 0
    rank = mixed.groupby("label").cumcount()
    return mixed[rank < each].reset_index(drop=True)
