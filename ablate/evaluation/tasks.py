"""What a downstream task is: columns of examples, what is scored, and how the papers fine-tune on it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int64

from ablate.data.documents import Source
from ablate.data.hashing import key_of, mix, stream, uniform
from ablate.errors import UserError
from ablate.evaluation.metrics import METRICS

Kind = Literal["classification", "regression", "span"]

# what metrics and predictions of others are called
RESERVED = ("val", "val_mlm", "val_spans", "train", "teacher", "probe", "embedded", "glue", "efficiency")
DEV_SHARE, DEV_MOST = 0.1, 1000  # of the training examples, to choose learning rates and stop early by


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a model is fine-tuned: the same for every arm. Defaults are BERT's (Devlin et al. 2019, section 4.1)."""

    learning_rates: tuple[float, ...] = (5e-5, 3e-5, 2e-5)
    epochs: int = 3
    batch: int = 32
    warmup: float = 0.06  # share of the updates
    weight_decay: float = 0.01
    clip: float = 1.0  # largest norm of the gradient
    early_stopping: bool = False  # keep the epoch that is best on the split of train
    dropout: float = 0.1  # before the classifier
    max_train: int | None = None  # training examples, a nested subset; None: all

    def but(self, **changes: Any) -> "Recipe":
        """With other values where they are not None.

        Raises:
            UserError: no such key, or a value out of range.
        """
        known = Recipe.__dataclass_fields__
        for key in changes:
            if key not in known:
                raise UserError(f"finetuning.{key}: no such key; it takes {', '.join(known)}")
        given = {key: value for key, value in changes.items() if value is not None}
        if "learning_rates" in given:
            given["learning_rates"] = _numbers(given["learning_rates"])
        for key, value in given.items():
            _require(_is_of_kind(key, value), key, _WANTED.get(_kind(key), "a whole number"), value)
        made = replace(self, **given)
        rates, most = made.learning_rates, made.max_train
        _require(bool(rates) and min(rates) > 0, "learning_rates", "numbers above 0", rates)
        _require(made.epochs >= 1, "epochs", "at least 1", made.epochs)
        _require(made.batch >= 1, "batch", "at least 1", made.batch)
        _require(0 <= made.warmup < 1, "warmup", "a share below 1", made.warmup)
        _require(0 <= made.dropout < 1, "dropout", "a share below 1", made.dropout)
        _require(made.weight_decay >= 0, "weight_decay", "a number from 0", made.weight_decay)
        _require(made.clip > 0, "clip", "a number above 0", made.clip)
        _require(most is None or most >= 8, "max_train", "null or at least 8", most)
        return made


def _numbers(rates: Any) -> tuple[float, ...]:
    try:
        return tuple(float(rate) for rate in rates)
    except (TypeError, ValueError):
        wanted = "a list of numbers above 0, say [3e-4,1e-4]"
        raise UserError(f"finetuning.learning_rates={rates}: must be {wanted}") from None


_WANTED = {int: "a whole number", float: "a number", bool: "true or false", tuple: "numbers"}


def _kind(key: str) -> type:
    return type(getattr(Recipe, key, None))


def _is_of_kind(key: str, value: Any) -> bool:
    """Whether a value is of the kind of the key's default: whole, a number, true or false."""
    kind = _kind(key)
    if kind in (bool, tuple):
        return isinstance(value, kind)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole or (kind is float and isinstance(value, float))


def _require(holds: bool, key: str, wanted: str, value: Any) -> None:
    if not holds:
        raise UserError(f"finetuning.{key}={value}: must be {wanted}")


@dataclass(frozen=True)
class TaskData:
    """Examples as data frames: `id`, `first`, `second` for pairs, `label`; spans also `answers` and `starts`.

    `label` is the class's index, a number, or for spans empty. For spans `first` is the question and `second` the
    context; `answers` and `starts` list the texts and where they start in the context. `tests` are keyed by the name
    that their metrics are reported under; `development` is a split of train.
    """

    train: pd.DataFrame
    development: pd.DataFrame
    tests: dict[str, pd.DataFrame]

    def fingerprint(self) -> str:
        """Of every example, on all sides."""
        hashed = hashlib.blake2b(digest_size=16)
        for frame in (self.train, self.development, *self.tests.values()):
            hashed.update(frame.to_json(orient="values", double_precision=15).encode("utf-8", "surrogatepass"))
        return hashed.hexdigest()


@dataclass(frozen=True)
class HeldOutText:
    """Where embedded tasks get their text: the held-out side of a source, pinned if `fingerprint` is given."""

    source: Source
    cache: Path
    fingerprint: str | None = None


@dataclass(frozen=True, kw_only=True)
class Task:
    """A downstream task. `load` reads its train examples and its test sets; `tests` names the latter."""

    name: str
    kind: Kind
    labels: tuple[str, ...]  # classes in the order of their indices; empty where there are none
    metrics: tuple[str, ...]  # the first decides which learning rate is best
    pair: bool
    tests: tuple[str, ...]
    recipe: Recipe
    load: Callable[[HeldOutText | None], tuple[pd.DataFrame, dict[str, pd.DataFrame]]]
    max_length: int = 128  # tokens; longer examples are cut, long contexts read in windows
    stride: int = 64  # tokens by which windows over a long context overlap
    start_from: "Task | None" = None  # fine-tune on this one first (RTE, MRPC, STS-B from MNLI)

    def data(self, held_out: HeldOutText | None) -> TaskData:
        """The examples, `recipe.max_train` of them for training, with a split of train apart.

        Raises:
            UserError: they cannot be had; one line says why.
        """
        everything, tests = self.load(held_out)
        train = nested(everything, self.recipe.max_train)
        apart = _development(train)
        return TaskData(train=train[~apart], development=train[apart], tests=tests)

    def describes(self) -> dict[str, Any]:
        """What identifies the questions apart from the examples' content."""
        first = None if self.start_from is None else self.start_from.describes()
        return {
            "name": self.name, "kind": self.kind, "labels": self.labels, "metrics": self.metrics, "tests": self.tests,
            "max_length": self.max_length, "stride": self.stride, "start_from": first,
        }  # fmt: skip


def check_task(task: Task) -> Task:
    """The task, if its parts fit together.

    Raises:
        UserError: an unknown metric, a metric of another kind, classes missing or not wanted, or a name that metrics of
            others have.
    """
    if task.name in RESERVED:
        raise UserError(f"task.name={task.name}: taken by other metrics, as are {', '.join(RESERVED)}")
    for name in task.tests:
        if name != task.name and not name.startswith(f"{task.name}_"):
            raise UserError(
                f"task.tests.{name}: must be called {task.name}, as the task, or {task.name}_ and more: a score's name "
                "says which task it is of"
            )
    options = METRICS[task.kind]
    for metric in task.metrics:
        if metric not in options:
            raise UserError(f"task.metrics={metric}: for task.kind={task.kind} one of {', '.join(options)}")
    if not task.metrics:
        raise UserError(f"task.metrics: task {task.name} needs at least one of {', '.join(options)}")
    if task.kind == "classification" and len(set(task.labels)) < 2:
        raise UserError(f"task.labels={list(task.labels)}: classification needs at least two different labels")
    if task.kind == "classification" and "f1" in task.metrics and len(task.labels) > 2:
        raise UserError(f"task.metrics=f1: is of two labels, task {task.name} has {len(task.labels)}; say macro_f1")
    return task


def nested(train: pd.DataFrame, most: int | None) -> pd.DataFrame:
    """The first `most` examples in the order of a hash of their ids: smaller subsets lie inside larger ones."""
    if most is None or most >= len(train):
        return train
    return train.iloc[np.sort(np.argsort(_drawn(train, "max_train"), kind="stable")[:most])]


def _development(train: pd.DataFrame) -> Bool[np.ndarray, " examples"]:
    """A tenth of train, a thousand at most, at least one; by whole `group` (say, module) where the frame has one."""
    wanted = min(max(1, round(DEV_SHARE * len(train))), DEV_MOST)
    if "group" not in train:
        ranks = np.argsort(np.argsort(_drawn(train, "development"), kind="stable"), kind="stable")
        return np.asarray(ranks < wanted)
    groups, index = np.unique(train["group"].to_numpy(dtype=str), return_inverse=True)
    order = np.argsort(mix(stream(0, "development"), _keys(groups.tolist())), kind="stable")
    sizes = np.cumsum(np.bincount(index)[order])
    chosen = order[: int(np.searchsorted(sizes, wanted)) + 1]
    return np.isin(index, chosen)


def _drawn(train: pd.DataFrame, name: str) -> np.ndarray:
    return uniform(mix(stream(0, name), _keys(train["id"].tolist())))


def _keys(names: list[str]) -> Int64[np.ndarray, " names"]:
    return np.array([key_of(name) for name in names], dtype=np.uint64).view(np.int64)
