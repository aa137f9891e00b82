"""Task-level distillation: a teacher fine-tuned on the task first, whose outputs the student learns beside the labels.

DistilBERT's second step (Sanh et al. 2019, section 4.1, "(D)"), with the loss of its script for SQuAD: the mean of
cross-entropy and of T^2 KL at T = 2.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ablate.data.hashing import mix
from ablate.errors import UserError
from ablate.evaluation.finetuning import Answers, Side, SoftTargets, degenerate, outputs, predict, side
from ablate.evaluation.subject import Subject
from ablate.evaluation.tasks import HeldOutText, Task, TaskData
from ablate.evaluation.tuning import best_of, sides, starting_point
from ablate.models.bert import attention_for
from ablate.models.folder import check_weights, content_of, load_encoder, load_tokenizer, trained_input

KEY = "finetuning.teacher"


@dataclass(frozen=True, kw_only=True)
class Distillation:
    """A teacher's folder, and L = alpha x hard + (1 - alpha) x soft at a temperature."""

    folder: Path
    temperature: float = 2.0
    alpha: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what cannot be distilled from before anything is trained.

        Raises:
            UserError: no safetensors in the folder, a temperature not above 0, an alpha outside [0, 1).
        """
        check_weights(self.folder, key=KEY)
        if not self.temperature > 0:
            raise UserError(f"finetuning.temperature={self.temperature}: must be above 0")
        if not 0 <= self.alpha < 1:
            raise UserError(f"finetuning.alpha={self.alpha}: must be from 0 to below 1; at 1 there is no teacher")

    def describes(self) -> list[Any]:
        """What identifies it: the teacher's content, not its place."""
        return ["distillation", content_of(self.folder), self.temperature, self.alpha]

    def teacher(self, student: Subject) -> Subject:
        """The teacher, executed as the student is, on inputs of the student's length at most.

        Raises:
            UserError: the folder cannot be loaded.
        """
        attention = attention_for(student.length, student.device)
        model = load_encoder(self.folder, attention=attention, key=KEY).to(student.device)
        tokenizer, pad = load_tokenizer(self.folder, vocabulary=int(model.config.vocab_size), key=KEY)
        length = min(student.length, trained_input(model.config, self.folder))
        return Subject(model, tokenizer, pad, length, student.device, student.precision)


@dataclass(frozen=True)
class Lesson:
    """What a fine-tuned teacher leaves: soft targets for the rows of train, its own answers to each test set, and why
    it has learnt nothing, or ""."""

    soft: SoftTargets
    answers: dict[str, Answers]
    degenerate: str


def lesson(
    distillation: Distillation, student: Subject, task: Task, data: TaskData, held_out: HeldOutText, *, stream: int
) -> Lesson:
    """Fine-tune the teacher by the student's recipe, with a learning rate of its own, and keep its outputs.

    Raises:
        UserError: the teacher cannot be loaded, or reads a span task's text in other tokens than the student.
    """
    teacher = starting_point(distillation.teacher(student), task, held_out, stream=int(mix(stream, 1)))
    train, development = sides(teacher, task, data)
    if task.kind == "span":
        _check_same_tokens(distillation, train, sides(student, task, data)[0])
    _, tuned = best_of(teacher, task, train, development, stream=int(mix(stream, 0)))
    answers = {name: predict(tuned.subject, tuned.head, task, side(teacher, task, f)) for name, f in data.tests.items()}
    reasons = {degenerate(task, tuned, train, given) for given in answers.values()} - {""}
    made = outputs(tuned.subject, tuned.head, train)
    soft = SoftTargets(made, temperature=distillation.temperature, alpha=distillation.alpha)
    return Lesson(soft, answers, "; ".join(sorted(reasons)))


def _check_same_tokens(distillation: Distillation, teacher: Side, student: Side) -> None:
    """Positions can only be compared where they are the same tokens."""
    if not np.array_equal(teacher.encoded.ids, student.encoded.ids):
        raise UserError(
            f"{KEY}={distillation.folder}: reads the text in other tokens than the student; in a span task, where "
            "answers are positions, both need one vocabulary"
        )
