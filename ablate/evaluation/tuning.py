"""A task's fine-tuning runs: a learning rate chosen on a split of train, then several seeds."""

from dataclasses import dataclass, replace

import pandas as pd

from ablate.data.hashing import mix
from ablate.evaluation.finetuning import Answers, Side, SoftTargets, Tuned, degenerate, finetune, predict, side
from ablate.evaluation.subject import Subject
from ablate.evaluation.tasks import HeldOutText, Task, TaskData


@dataclass(frozen=True)
class SeedResult:
    """What one fine-tuning seed gives on each test set."""

    seed: int
    learning_rate: float
    answers: dict[str, Answers]  # by test set
    degenerate: str  # why the model has learnt nothing, or ""
    examples_per_s: float


def tune(
    subject: Subject, task: Task, data: TaskData, *, seeds: int, stream: int, soft: SoftTargets | None = None
) -> list[SeedResult]:
    """Fine-tune with `seeds` seeds, learning from a teacher's outputs beside the labels where they are given.

    With several learning rates, seed 0 tries each and the best on the split of train is kept for all seeds; ties go
    to the first. With one learning rate and no early stopping there is nothing to choose, and all of train is used.
    """
    tests = {name: side(subject, task, frame) for name, frame in data.tests.items()}
    train, development = sides(subject, task, data)
    train = replace(train, soft=soft)
    first = best_of(subject, task, train, development, stream=_stream(stream, 0))
    rate, results = first[0], [_result(0, first[0], first[1], task, train, tests)]
    del first
    for seed in range(1, seeds):
        tuned = finetune(
            subject, task, train, learning_rate=rate, stream=_stream(stream, seed), development=development
        )
        results.append(_result(seed, rate, tuned, task, train, tests))
    return results


def best_of(subject: Subject, task: Task, train: Side, development: Side | None, *, stream: int) -> tuple[float, Tuned]:
    """The learning rate that is best on the split of train, and the model that it gave."""
    best: tuple[float, Tuned] | None = None
    for rate in task.recipe.learning_rates:
        tuned = finetune(subject, task, train, learning_rate=rate, stream=stream, development=development)
        if best is None or tuned.development > best[1].development:
            best = rate, tuned
    assert best is not None
    return best


def starting_point(subject: Subject, task: Task, held_out: HeldOutText | None, *, stream: int) -> Subject:
    """The encoder fine-tuned on `task.start_from` first, where the task has one; its head is thrown away."""
    if task.start_from is None:
        return subject
    first = task.start_from
    train, development = sides(subject, first, first.data(held_out))
    _, tuned = best_of(subject, first, train, development, stream=_stream(stream, 0))
    return tuned.subject


def sides(subject: Subject, task: Task, data: TaskData) -> tuple[Side, Side | None]:
    """What is trained on, and the split of train to choose by; None where there is nothing to choose."""
    if len(task.recipe.learning_rates) == 1 and not task.recipe.early_stopping:
        return side(subject, task, pd.concat([data.train, data.development])), None
    return side(subject, task, data.train), side(subject, task, data.development)


def _stream(stream: int, seed: int) -> int:
    return int(mix(stream, seed))


def _result(seed: int, rate: float, tuned: Tuned, task: Task, train: Side, tests: dict[str, Side]) -> SeedResult:
    answers = {name: predict(tuned.subject, tuned.head, task, test) for name, test in tests.items()}
    reasons = {degenerate(task, tuned, train, given) for given in answers.values()} - {""}
    speed = tuned.examples / max(tuned.seconds, 1e-9)
    return SeedResult(seed, rate, answers, "; ".join(sorted(reasons)), speed)
