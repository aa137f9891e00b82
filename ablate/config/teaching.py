"""Whom a student learns from: planned from the student's command line, identified, found, checked and loaded."""

import hashlib
import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from tokenizers import Tokenizer

from ablate.config.build import chosen_attention, make
from ablate.config.compose import compose_one
from ablate.config.naming import place_of
from ablate.config.packing import Planned
from ablate.config.reference import STUDENTS, STUDENTS_KEYS, cfg_of, other_arm
from ablate.config.science import FROM_TEACHER, difference, digest, identity
from ablate.data.corpus import Corpus
from ablate.errors import UserError
from ablate.evaluation.mlm import Evaluation
from ablate.models.bert import Bert
from ablate.models.folder import load_tokenizer, trained_input
from ablate.models.init import chosen_layers
from ablate.models.masked_lm import load_masked_lm
from ablate.objectives.distillation import Distillation, Shape
from ablate.objectives.pretraining import Teachable
from ablate.objectives.teacher import Teacher
from ablate.objectives.teacher_store import TeacherStore
from ablate.runs.directory import find_elsewhere
from ablate.runs.record import UnreadableRecord, read_failure, read_result
from ablate.runs.trained import trained_folder, trained_in
from ablate.training.fit import Execution
from ablate.training.precision import Numerics


class TeacherMissing(RuntimeError):
    """The teacher's run is not there, or failed: a fault of the student's run, which its own command retries."""


@dataclass(frozen=True)
class Taught:
    """A teacher that was found: its folder, what it is called, and what identifies it."""

    folder: Path
    name: str
    identity: dict[str, Any]


def check_teaching(cfg: DictConfig) -> None:
    """Refuse a teacher that nothing uses, and a loss or initialisation that lacks one.

    Raises:
        UserError: what is missing, given twice, or not understood.
    """
    teacher, users = cfg.teacher, _users(cfg)
    if teacher.exp is not None and teacher.path is not None:
        raise UserError(f"teacher.exp={teacher.exp} and teacher.path={teacher.path}: give one of them")
    given = teacher.exp if teacher.exp is not None else teacher.path
    if given is None and users:
        raise UserError(f"{users[0]}: needs a teacher; say teacher.exp=budget_x2 or teacher.path=FOLDER")
    if given is not None and not users and not isinstance(make(cfg, "loss")(), Teachable):
        key = "exp" if teacher.exp is not None else "path"
        raise UserError(f"teacher.{key}={given}: nothing here learns from it; say loss=soft, or init=teacher")
    if teacher.seed != "same" and not (isinstance(teacher.seed, int) and teacher.seed >= 0):
        raise UserError(f"teacher.seed={teacher.seed}: must be same, or a whole number from 0")
    if teacher.keep is not None and not (isinstance(teacher.keep, int) and teacher.keep >= 1):
        raise UserError(f"teacher.keep={teacher.keep}: must be a whole number from 1, or null for all logits")
    if teacher.untrained not in ("refuse", "allow"):
        raise UserError(f"teacher.untrained={teacher.untrained}: must be refuse or allow")
    if teacher.path is not None:
        trained_folder(Path(teacher.path), key="teacher.path")


def _users(cfg: DictConfig) -> list[str]:
    """The choices that need a teacher, as `group=...`."""
    found = []
    if asks_teacher(cfg):
        found.append(f"loss: {cfg.loss._target_.rpartition('.')[2]} compares with a teacher")
    if takes_teacher(make(cfg, "init").func):
        found.append(f"init: {cfg.init._target_.rpartition('.')[2]} starts from a teacher")
    return found


def asks_teacher(cfg: DictConfig) -> bool:
    """Whether the loss compares with a teacher, whose forward pass every update then needs."""
    loss = make(cfg, "loss")()
    return isinstance(loss, Teachable) and loss.needs_teacher


def takes_teacher(function: Callable[..., Any]) -> bool:
    """Whether a function has a parameter called teacher."""
    return "teacher" in inspect.signature(function).parameters


def teacher_job(student: Planned, *, multirun: bool, above: tuple[str, ...] = ()) -> Planned | None:
    """The run of the student's `teacher.exp`, planned on the student's command line; None without one.

    Raises:
        UserError: an unknown arm, one that is taught by itself, or one with another tokenizer or shorter input.
    """
    exp = student.cfg.teacher.exp
    if exp is None:
        return None
    if exp in above:
        raise UserError(f"teacher.exp={exp}: is taught by itself ({' <- '.join((*above, exp))})")
    seed = student.cfg.teacher.seed
    fixed = () if seed == "same" else ("seed",)
    overrides = other_arm(list(student.overrides), exp, apart=(*STUDENTS, *STUDENTS_KEYS, *fixed))
    overrides += [] if seed == "same" else [f"seed={seed}"]
    try:
        cfg = compose_one(overrides, config_dirs=student.config_dirs)
    except UserError as error:
        raise UserError(f"teacher.exp={exp}: {error}") from None
    if seed == "same":
        cfg.seed = student.cfg.seed
    place = place_of(cfg, cfg.hydra, overrides, multirun=multirun)
    root = student.place.root
    job = Planned(cfg, replace(place, root=root), tuple(overrides), student.config_dirs)
    _check_same_tokens(student.cfg, cfg, exp)
    _check_positions(cfg.input.length, student.cfg, f"teacher.exp={exp}")
    _check_shapes(student.cfg, cfg)
    return replace(job, teacher=teacher_job(job, multirun=multirun, above=(*above, exp)))


def _check_same_tokens(student: DictConfig, teacher: DictConfig, exp: str) -> None:
    changed = difference({"tokenizer": student.tokenizer}, {"tokenizer": teacher.tokenizer})
    if changed:
        key, (ours, theirs) = next(iter(changed.items()))
        raise UserError(
            f"teacher.exp={exp}: has another vocabulary than its student ({key}: {theirs} there, {ours} here); "
            "give both the same tokenizer"
        )


def _check_shapes(student: DictConfig, teacher: DictConfig) -> None:
    """Refuse what cannot be compared or taken over before a teacher is trained for it."""
    ours, theirs = _shape(student), _shape(teacher)
    if ours is None or theirs is None:
        return
    loss = make(student, "loss")()
    if isinstance(loss, Distillation):
        loss.check_shapes(ours, theirs)
    if student.init._target_ == FROM_TEACHER:
        layers = student.init.layers
        layers = list(layers) if OmegaConf.is_list(layers) else layers
        chosen_layers(layers, student=ours.layers, teacher=theirs.layers)


def _shape(cfg: DictConfig) -> Shape | None:
    model = cfg.model
    if not {"width", "layers", "heads"} <= set(model):  # a user's own model
        return None
    return Shape(model.width, model.layers, model.heads)


def teacher_identity(student: Planned, *, fingerprint: str, corpus: str, numerics: Numerics) -> dict[str, Any] | None:
    """What a student's run id hashes of its teacher: the teacher's recipe, or its weights' content; None without one.

    The seed is left out of the recipe, so that runs of an arm are the same recipe whatever their seeds.
    """
    teacher = student.cfg.teacher
    if student.teacher is not None:
        what = _identity_of(student.teacher, fingerprint=fingerprint, corpus=corpus, numerics=numerics)
        recipe = digest({key: value for key, value in what.items() if key != "seed"})
        return {"recipe": recipe, "seed": teacher.seed, "keep": teacher.keep}
    if teacher.path is not None:
        return {"recipe": _content(trained_folder(Path(teacher.path), key="teacher.path")[0]), "keep": teacher.keep}
    return None


def _identity_of(job: Planned, *, fingerprint: str, corpus: str, numerics: Numerics) -> dict[str, Any]:
    named: dict[str, Any] = {"fingerprint": fingerprint, "corpus": corpus, "numerics": numerics}
    cfg = cfg_of(job)
    return identity(cfg, **named, teacher=teacher_identity(job, **named))


def _content(folder: Path) -> str:
    """A digest of a model folder's config and weights."""
    files = sorted([folder / "config.json", *folder.glob("*.safetensors")])
    return _digest_files(tuple((str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in files))


@cache
def _digest_files(files: tuple[tuple[str, int, int], ...]) -> str:
    made = hashlib.sha256()
    for name, _, _ in files:
        with Path(name).open("rb") as stream:
            made.update(hashlib.file_digest(stream, "sha256").digest())
    return made.hexdigest()[:16]


def find_teacher(
    student: Planned, corpus: Corpus, *, numerics: Numerics, roots: list[Path]
) -> Taught | None:  # fmt: skip
    """Where the student's teacher is, finished; None where the recipe has none.

    Raises:
        TeacherMissing: the teacher's run failed, diverged, or is not there.
    """
    named: dict[str, Any] = {"fingerprint": corpus.fingerprint, "corpus": corpus.key, "numerics": numerics}
    who = teacher_identity(student, **named)
    if who is None:
        return None
    if student.teacher is None:
        folder, _ = trained_folder(Path(student.cfg.teacher.path), key="teacher.path")
        return Taught(folder, str(student.cfg.teacher.path), who)
    place = student.teacher.place
    name, run_id = f"{place.arm}, seed {place.seed}", digest(_identity_of(student.teacher, **named))
    directory = _finished(place.directory, run_id, roots)
    if directory is None:
        raise TeacherMissing(f"its teacher ({name}) {_why_missing(place.directory)}")
    return Taught(directory / "model", name, who)


def _finished(directory: Path, run_id: str, roots: list[Path]) -> Path | None:
    try:
        record = read_result(directory)
    except UnreadableRecord:
        record = None
    if record is None or record.run_id != run_id or not trained_in(directory, record).is_dir():
        elsewhere = find_elsewhere(run_id, roots, besides=directory)
        return elsewhere[0] if elsewhere is not None and elsewhere[1].status == "ok" else None
    if record.status != "ok":
        return None
    return trained_in(directory, record)


def _why_missing(directory: Path) -> str:
    try:
        record = read_result(directory)
    except UnreadableRecord as error:
        return f"cannot be read: {error}"
    if record is not None and record.status != "ok":
        return f"diverged: {record.reason}"
    if record is not None and not trained_in(directory, record).is_dir():
        return (
            f"is shared from {record.shared_from}, which is no longer there; delete {directory}, and the command that "
            "asked for this student trains it"
        )
    failure = read_failure(directory)
    if failure is not None:
        return f"failed: {failure.get('error', 'no reason was kept')}"
    return f"is not finished ({directory}); the command that asked for this student trains it first"


def build_teacher(cfg: DictConfig, corpus: Corpus, execution: Execution, taught: Taught | None) -> Teacher | None:
    """The teacher on its device; its outputs are kept on disk where `trainer.cache_teacher` says so.

    Raises:
        UserError: no weights that can be read, another vocabulary than the student's, or fewer positions.
    """
    if taught is None:
        return None
    attention = chosen_attention(cfg, execution.device)
    model = Bert.wrapping(load_masked_lm(taught.folder, attention=attention, key="teacher.path"), name=taught.name)
    check_same_vocabulary(taught.folder, corpus)
    _check_positions(trained_input(model.config, taught.folder), cfg, f"teacher.path={taught.folder}")
    store = None
    if cfg.trainer.cache_teacher:
        key = digest(
            {"teacher": taught.identity, "seed": cfg.seed, "precision": execution.numerics.precision, "in": corpus.key}
        )
        store = TeacherStore(Path(cfg.cache) / "teachers" / key)
    return Teacher(model.to(execution.device), name=taught.name, keep=cfg.teacher.keep, store=store)


def _check_positions(trained: int, student: DictConfig, given: str) -> None:
    """A teacher's outputs are nothing to learn from where it was never trained."""
    length = student.input.length
    if length > trained:
        raise UserError(
            f"input.length={length}: {given} was trained on {trained} positions; train its student on as many"
        )


def check_same_vocabulary(folder: Path, corpus: Corpus) -> None:
    """Refuse a teacher whose tokens are not the student's.

    Raises:
        UserError: says where they first differ.
    """
    config = json.loads((folder / "config.json").read_text())
    theirs = load_tokenizer(folder, vocabulary=int(config["vocab_size"]), key="teacher.path")[0].get_vocab()
    ours = Tokenizer.from_file(str(corpus.tokenizer_path / "tokenizer.json")).get_vocab()
    if theirs == ours:
        return
    differing = sorted(token for token in ours.keys() | theirs.keys() if ours.get(token) != theirs.get(token))
    first = differing[0]
    raise UserError(
        f"teacher.path={folder}: has another vocabulary than its student ({len(theirs)} tokens against {len(ours)}; "
        f"{first!r} is {theirs.get(first)} there and {ours.get(first)} here); train the student with "
        f"tokenizer=existing tokenizer.path={folder}"
    )


def measured_teacher(
    teacher: Teacher | None, evaluation: Evaluation | None, *, untrained: str, notice: Callable[[str], None]
) -> dict[str, float]:
    """The teacher's own held-out loss, in the format that all arms share; empty without a teacher or with eval=none.

    Raises:
        UserError: the teacher is no better than word frequencies, which is nothing to learn from.
    """
    if teacher is None or evaluation is None:
        return {}
    found = evaluation.curve(teacher.model)
    loss, unigram = found["val/mlm_loss"], evaluation.unigram_loss
    if loss >= unigram and untrained == "refuse":
        raise UserError(
            f"teacher {teacher.name}: its held-out loss is {loss:.3f} nats, no better than word frequencies "
            f"({unigram:.3f}): train it longer, or say teacher.untrained=allow"
        )
    notice(f"teacher {teacher.name}: held-out loss {loss:.4f} nats, word frequencies alone {unigram:.4f}")
    return {"teacher/mlm_loss": loss, "teacher/mlm_accuracy": found["val/mlm_accuracy"]}
