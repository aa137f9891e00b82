"""Downstream questions to one encoder: which tasks, probed or fine-tuned; what is known already is not asked again."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ablate.data.cache import cache_key
from ablate.data.hashing import mix, stream
from ablate.errors import UserError
from ablate.evaluation.baselines import baselines
from ablate.evaluation.distillation import Distillation, Lesson, lesson
from ablate.evaluation.embedded import NotEnoughText
from ablate.evaluation.finetuning import Answers, scored
from ablate.evaluation.means import all_means, is_mean
from ablate.evaluation.probe import probe
from ablate.evaluation.subject import Subject
from ablate.evaluation.tasks import HeldOutText, Task, TaskData
from ablate.evaluation.tuning import SeedResult, starting_point, tune
from ablate.runs.record import write_json

RULES = 1  # counted up whenever the same question would be answered differently
Notice = Callable[[str], None]


@dataclass(frozen=True)
class Part:
    """The answer to one question: one task, probed or fine-tuned."""

    name: str  # `<task>` or `probe/<task>`
    id: str  # of the question: task, examples, recipe, length
    metrics: dict[str, float]
    frames: dict[str, pd.DataFrame]  # predictions by `<test>` or `probe/<test>`
    prefixes: tuple[str, ...] = ()  # of metric names, where they are not the frames' names

    def owns(self, metric: str) -> bool:
        """Whether an older metric of that name was an answer to the same question."""
        return any(metric.startswith(f"{name}/") for name in self.prefixes or self.frames)


@dataclass(frozen=True)
class Questions:
    """What is asked. `stream` derives the fine-tuning seeds; `seeds` is how many, 0 for none.

    With `distillation` each fine-tuned model learns from a teacher that is fine-tuned on the task before.
    """

    tasks: tuple[Task, ...]
    probe: bool
    seeds: int
    stream: int
    held_out: HeldOutText
    cache: Path
    distillation: Distillation | None = None
    _data: dict[str, tuple[TaskData, str] | None] = field(default_factory=dict, compare=False)

    def data(self, task: Task, notice: Notice) -> tuple[TaskData, str] | None:
        """A task's examples and their fingerprint, read once; None, said once, where the text cannot give them.

        Raises:
            UserError: the examples cannot be had.
        """
        if task.name not in self._data:
            try:
                data = task.data(self.held_out)
                self._data[task.name] = data, data.fingerprint()
            except NotEnoughText as error:
                notice(f"{error}; left out")
                self._data[task.name] = None
        return self._data[task.name]

    def answer(self, subject: Subject, *, known: dict[str, str], notice: Notice) -> Iterator[Part]:
        """Parts whose id is not in `known` (name to id), each as soon as it is answered.

        Raises:
            UserError: a task's examples cannot be had.
        """
        for task in self.tasks:
            found = self.data(task, notice)
            if found is None:
                continue
            data, fingerprint = found
            simple = baselines(task, data, cache=self.cache, fingerprint=fingerprint)
            for name, seeds in self._methods(task):
                asked = self._id(task, fingerprint, subject, name=name, seeds=seeds)
                if known.get(name) == asked:
                    continue
                answered = _fine_tuned(subject, task, data, self, simple) if seeds else _probed(
                    subject, task, data, simple
                )  # fmt: skip
                yield replace(answered, id=asked)

    def _methods(self, task: Task) -> list[tuple[str, int]]:
        probed = [(f"probe/{task.name}", 0)] if self.probe and task.kind != "span" else []
        return probed + ([(task.name, self.seeds)] if self.seeds else [])

    def _id(self, task: Task, fingerprint: str, subject: Subject, *, name: str, seeds: int) -> str:
        recipes = [asdict(t.recipe) for t in (task, task.start_from) if t is not None] if seeds else []
        what = [RULES, name, task.describes(), fingerprint, recipes, seeds, subject.length, subject.precision]
        if seeds and self.distillation is not None:
            what.append(self.distillation.describes())
        return cache_key("question", repr(what))


def finetuning_stream(seed: int, *, replicate: int = 0) -> int:
    """The stream of a run's fine-tuning seeds; seed k is `mix(stream, k)`."""
    return stream(seed, "finetuning", replicate=replicate)


def merge(metrics: dict[str, float], parts: list[Part]) -> dict[str, float]:
    """The metrics with the parts' in place of older answers to the same questions, and the means over tasks anew."""
    kept = {k: v for k, v in metrics.items() if not any(part.owns(k) for part in parts) and not is_mean(k)}
    for part in parts:
        kept |= part.metrics
    return kept | all_means(kept)


def keep_predictions(part: Part, folder: Path) -> None:
    """Write `<folder>/<test>.parquet`, whole or not at all."""
    for name, frame in part.frames.items():
        path = folder / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(path.name + ".part")
        frame.to_parquet(beside, index=False)
        beside.replace(path)


def _probed(subject: Subject, task: Task, data: TaskData, simple: dict[str, float]) -> Part:
    frames, metrics = {}, {f"probe/{name}": value for name, value in simple.items()}
    for test, given in probe(subject, task, data).items():
        frame = data.tests[test]
        metrics |= {f"probe/{test}/{name}": score for name, score in _scores(task, frame, given).items()}
        frames[f"probe/{test}"] = predictions(frame, given, seed=0)
    return Part(f"probe/{task.name}", "", metrics, frames)


def _fine_tuned(subject: Subject, task: Task, data: TaskData, asked: Questions, simple: dict[str, float]) -> Part:
    start = starting_point(subject, task, asked.held_out, stream=int(mix(asked.stream, -1)))
    taught = _lesson(subject, task, data, asked)
    results = tune(
        start, task, data, seeds=asked.seeds, stream=asked.stream, soft=None if taught is None else taught.soft
    )
    frames, metrics = {}, simple | ({} if taught is None else _of_teacher(task, data, taught))
    for test, frame in data.tests.items():
        metrics |= summarised(task, test, frame, results)
        frames[test] = pd.concat(
            [predictions(frame, result.answers[test], seed=result.seed) for result in results], ignore_index=True
        )
    return Part(task.name, "", metrics, frames)


def _lesson(subject: Subject, task: Task, data: TaskData, asked: Questions) -> Lesson | None:
    if asked.distillation is None:
        return None
    taught = lesson(asked.distillation, subject, task, data, asked.held_out, stream=int(mix(asked.stream, -2)))
    if taught.degenerate:
        _say_once(f"{task.name}: finetuning.teacher={asked.distillation.folder} learnt nothing: {taught.degenerate}")
    return taught


def _of_teacher(task: Task, data: TaskData, taught: Lesson) -> dict[str, float]:
    """The teacher's own scores, as `<test>/<metric>/teacher`."""
    return {
        f"{test}/{name}/teacher": score
        for test, frame in data.tests.items() for name, score in _scores(task, frame, taught.answers[test]).items()
    }  # fmt: skip


def summarised(task: Task, test: str, frame: pd.DataFrame, results: list[SeedResult]) -> dict[str, float]:
    """Mean and median of each metric over the fine-tuning seeds, each seed beside them, and how training went."""
    per_seed = {result.seed: _scores(task, frame, result.answers[test]) for result in results}
    metrics: dict[str, float] = {}
    for name in task.metrics:
        values = [per_seed[result.seed][name] for result in results]
        metrics |= {f"{test}/{name}": float(np.mean(values)), f"{test}/{name}/median": float(np.median(values))}
        metrics |= {f"{test}/{name}/ft-{result.seed}": per_seed[result.seed][name] for result in results}
    return metrics | {
        f"{test}/degenerate": float(sum(bool(result.degenerate) for result in results)),
        f"{test}/learning_rate": results[0].learning_rate,
        f"{test}/examples_per_s": float(np.mean([result.examples_per_s for result in results])),
    }


def _scores(task: Task, frame: pd.DataFrame, given: Answers) -> dict[str, float]:
    """Each metric's value; where one is undefined, a line on stderr says what was counted instead."""
    found = scored(task, frame, given)
    for score in found.values():
        if score.note:
            _say_once(f"{task.name}: {score.note}")
    return {name: score.value for name, score in found.items()}


@cache
def _say_once(line: str) -> None:
    from ablate.data.cache import say

    say(line)


def predictions(frame: pd.DataFrame, given: Answers, *, seed: int) -> pd.DataFrame:
    """The columns id, label, prediction, score and finetuning_seed; labels of spans are their first answer."""
    label: Any = frame["label"]
    if "answers" in frame:
        label = frame["answers"].map(lambda options: options[0] if len(options) else "")
    return pd.DataFrame({
        "id": frame["id"].to_numpy(), "label": label.to_numpy(), "prediction": given.predictions,
        "score": given.score, "finetuning_seed": seed,
    })  # fmt: skip


def known_outside_a_run(folder: Path, who: Mapping[str, object]) -> tuple[dict[str, float], dict[str, str]]:
    """Metrics and evaluations of `downstream.json`; empty where there is none. `who`: the model's content, the seed.

    Raises:
        UserError: the file is not one of ours, or holds another model's or seed's scores.
    """
    path = folder / "downstream.json"
    try:
        plain = json.loads(path.read_text())
        metrics, known = {str(k): float(v) for k, v in plain["metrics"].items()}, dict(plain["evaluations"])
        others = [
            f"another {key} ({plain.get(key)}, not {value})" for key, value in who.items() if plain.get(key) != value
        ]
    except FileNotFoundError:
        return {}, {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} cannot be read ({error}); delete it to evaluate anew") from error
    if others:
        raise UserError(f"out={folder}: holds the scores of {' and '.join(others)}; give out= another folder")
    return metrics, known


def keep_outside_a_run(
    folder: Path, who: Mapping[str, object], metrics: dict[str, float], evaluations: dict[str, str]
) -> None:
    """Write `downstream.json`, the record of an encoder that is no run of ours."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = {**who, "metrics": dict(sorted(metrics.items())), "evaluations": evaluations}
    write_json(folder / "downstream.json", plain)
