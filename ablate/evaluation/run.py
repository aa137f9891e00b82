"""Everything that a run is asked once it is trained: MLM, downstream tasks, efficiency, a user's own metrics."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ablate.data.corpus import Corpus
from ablate.evaluation.downstream import Notice, Part, Questions, keep_predictions, merge
from ablate.evaluation.efficiency import PART as EFFICIENCY
from ablate.evaluation.efficiency import speed
from ablate.evaluation.mlm import Evaluation
from ablate.evaluation.subject import Subject
from ablate.models.encoder import Encoder


@dataclass(frozen=True)
class Asked:
    """The questions. `mlm_id` identifies the MLM ones; `own` are called with (model, corpus) and always asked."""

    mlm: Evaluation | None
    mlm_id: str
    questions: Questions | None
    efficiency: bool
    own: list[Callable[[Encoder, Corpus], dict[str, float]]]

    def check(self, notice: Notice) -> None:
        """Read every task's examples, so that what cannot be had is said before a model is trained.

        Raises:
            UserError: a task's examples cannot be had.
        """
        for task in self.questions.tasks if self.questions is not None else ():
            assert self.questions is not None
            self.questions.data(task, notice)


@dataclass(frozen=True)
class Known:
    """What a run has answered: metrics by name, and the id of each question by its part's name."""

    metrics: dict[str, float] = field(default_factory=dict)
    evaluations: dict[str, str] = field(default_factory=dict)

    def with_part(self, part: Part) -> "Known":
        """With a part's answers in place of older ones to the same question."""
        return Known(merge(self.metrics, [part]), {**self.evaluations, part.name: part.id})


def evaluate(
    model: Encoder, subject: Subject, asked: Asked, corpus: Corpus, directory: Path, *, known: Known,
    keep: Callable[[Known], None], notice: Notice,
) -> Known:  # fmt: skip
    """Answer what is not in `known`, handing `keep` each answer beside those before it; writes predictions/.

    The model is in evaluation mode from here on.
    """
    model.eval()
    if asked.mlm is not None and known.evaluations.get("val") != asked.mlm_id:
        metrics, frames = asked.mlm.final(model)
        part = Part("val", asked.mlm_id, metrics, frames, prefixes=("val", "teacher"))
        keep_predictions(part, directory / "predictions")
        keep(known := known.with_part(part))
    if asked.efficiency and EFFICIENCY not in known.evaluations:
        keep(known := known.with_part(Part(EFFICIENCY, "1", speed(subject), {})))
    if asked.questions is not None:
        for part in asked.questions.answer(subject, known=known.evaluations, notice=notice):
            keep_predictions(part, directory / "predictions")
            keep(known := known.with_part(part))
    own: dict[str, Any] = {}
    for metric in asked.own:
        own |= metric(model, corpus)
    return Known(known.metrics | own, known.evaluations)
