"""Rehearsals of planned runs: the same path with a small budget, from which the whole runs' cost follows."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from ablate.config.build import build_corpus
from ablate.config.downstream import build_questions
from ablate.config.packing import Planned
from ablate.config.reference import baseline_flops, cfg_of
from ablate.config.science import digest
from ablate.data.cache import say
from ablate.data.pin import PINS
from ablate.errors import UserError
from ablate.evaluation.baselines import baselines
from ablate.runs.collect import read_run
from ablate.runs.curves import read_curves

_FLOPS = 6e11  # training FLOPs of a rehearsal: some seconds on a CPU
_UPDATES, _ROWS = 12, 4
_UNKNOWN_TOKENS = 20_000


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one run of an arm is expected to take. overhead: start-up, evaluation and writing, in seconds."""

    arm: str
    tokens: float
    flops: float
    training: float
    overhead: float
    bytes: int
    memory_mb: float

    @property
    def seconds(self) -> float:
        """Of one run, from start to record."""
        return self.training + self.overhead


@dataclass(frozen=True, kw_only=True)
class Rehearsals:
    """What is run to learn the cost of a study: every arm without evaluation, and few arms with it.

    arms: a job of each arm. plain: its rehearsal, which asks nothing. whole: rehearsals that ask everything, for each
    distinct model and tokenizer; as many at least as run at a time, since what runs beside it slows a run down.
    """

    arms: tuple[Planned, ...]
    plain: tuple[Planned, ...]
    whole: tuple[tuple[Planned, Planned], ...]  # the job and its rehearsal

    @property
    def all(self) -> tuple[Planned, ...]:
        """In the order to run them, the longest first."""
        return (*(small for _, small in self.whole), *self.plain)

    def costs(self, seconds: Sequence[float]) -> dict[str, Cost]:
        """The cost of a run of each arm, from the seconds that the rehearsals took, in the order of `all`.

        Raises:
            UserError: a rehearsal failed.
        """
        split = len(self.whole)
        plain = {
            job.place.arm: cost_of(job, small, seconds=took)
            for job, small, took in zip(self.arms, self.plain, seconds[split:], strict=True)
        }
        whole: dict[str, list[Cost]] = {}
        for (job, small), took in zip(self.whole, seconds[:split], strict=True):
            whole.setdefault(asked_of(job), []).append(cost_of(job, small, seconds=took))
        return {
            job.place.arm: _with_evaluation(plain[job.place.arm], of_kind, plain[of_kind[0].arm])
            for job in self.arms for of_kind in [whole[asked_of(job)]]
        }  # fmt: skip


def rehearsals(jobs: Sequence[Planned], root: Path, *, at_once: int) -> Rehearsals:
    """The rehearsals of these jobs, each in a folder of its own under `root`."""
    arms = tuple({job.place.arm: job for job in reversed(jobs)}.values())[::-1]
    kinds = list({asked_of(job): job for job in reversed(arms)}.values())[::-1]
    copies = -(-at_once // len(kinds))
    whole = tuple(
        (job, rehearsal(job, root / f"whole-{i}", evaluated=True)) for i in range(copies) for job in kinds
    )  # fmt: skip
    plain = tuple(rehearsal(job, root / "plain", evaluated=False) for job in arms)
    return Rehearsals(arms=arms, plain=plain, whole=whole)


def asked_of(job: Planned) -> str:
    """Identifies what an evaluation costs: the model, how it reads text, and what it is asked."""
    groups = ("model", "tokenizer", "eval")
    plain: dict[str, Any] = {key: OmegaConf.to_container(job.cfg[key], resolve=True) for key in groups}
    plain["model"].pop("token_types", None)  # follows from the input format and costs nothing
    return digest(plain)


def warm(job: Planned, root: Path) -> None:
    """Prepare what only the first run would: corpus, tasks' examples, baselines. The study finds them in the cache.

    Raises:
        UserError: what cannot be had.
    """
    corpus = build_corpus(job.cfg, root)
    questions = build_questions(job.cfg, corpus)
    for task in questions.tasks if questions is not None else ():
        assert questions is not None
        found = questions.data(task, say)
        if found is not None:
            baselines(task, found[0], cache=questions.cache, fingerprint=found[1])


def rehearsal(job: Planned, root: Path, *, evaluated: bool) -> Planned:
    """The job with a small budget and few updates, in a folder of its own; where not `evaluated`, nothing is asked."""
    _pin(job.place.root, root)
    cfg = cfg_of(job).copy()
    whole = budget_tokens(cfg, root)
    tokens = int(min(_FLOPS / _flops_per_token(cfg), whole))
    with open_dict(cfg):
        if cfg.optim.batch_tokens * _UPDATES > tokens:
            cfg.optim.batch_tokens = max(tokens // _UPDATES, cfg.input.length)
            tokens = cfg.optim.batch_tokens * _UPDATES
        cfg.budget.match, cfg.budget.amount = "tokens", tokens
        cfg.eval.every_tokens = max(int(tokens * cfg.eval.every_tokens / whole), 1)
        cfg.trainer.log_every = max(tokens // cfg.optim.batch_tokens // _ROWS, 1)
        cfg.logger = None
        if not evaluated:
            cfg.eval.formats, cfg.eval.metrics = [], []
            cfg.eval.update({"tasks": {}, "only": None, "efficiency": False})
        cfg.teacher.untrained = "allow"
    taught = root.parent / "teachers"
    teacher = None if job.teacher is None else rehearsal(job.teacher, taught, evaluated=False)
    return replace(job, cfg=cfg, place=replace(job.place, root=root), teacher=teacher)


def _pin(study: Path, root: Path) -> None:
    """A rehearsal reads the corpus that the study is pinned to."""
    root.mkdir(parents=True, exist_ok=True)
    if (study / PINS).exists():
        shutil.copyfile(study / PINS, root / PINS)


def cost_of(job: Planned, rehearsed: Planned, *, seconds: float) -> Cost:
    """The cost of a planned run from its rehearsal, which took `seconds` from start to end.

    Raises:
        UserError: the rehearsal failed.
    """
    run = read_run(rehearsed.place.directory)
    if run.record is None or run.state != "done":
        raise UserError(f"arm {job.place.arm}: its rehearsal failed: {run.problem}")
    whole, small = budget_tokens(cfg_of(job), rehearsed.place.root), run.metrics["train/tokens"]
    per_token = _seconds_per_token(rehearsed.place.directory / "metrics.csv") or run.metrics["train/seconds"] / small
    match, amount = job.cfg.budget.match, job.cfg.budget.amount
    training = float(amount) if match == "seconds" else whole * per_token
    size = sum(p.stat().st_size for p in rehearsed.place.directory.rglob("*") if p.is_file())
    return Cost(
        arm=job.place.arm, tokens=whole, flops=run.metrics["train/flops"] / small * whole, training=training,
        overhead=max(seconds - run.metrics["train/seconds"], 0.0), bytes=size,
        memory_mb=run.metrics.get("train/peak_memory_mb", 0.0),
    )  # fmt: skip


def _with_evaluation(plain: Cost, whole: Sequence[Cost], without: Cost) -> Cost:
    """A plain cost with what evaluation adds: whole rehearsals of an arm against the plain one of the same arm."""
    overhead = sum(one.overhead for one in whole) / len(whole)
    return replace(
        plain, overhead=plain.overhead + max(overhead - without.overhead, 0.0),
        bytes=plain.bytes + max(whole[0].bytes - without.bytes, 0),
        memory_mb=max(plain.memory_mb, *(one.memory_mb for one in whole)),
    )  # fmt: skip


def budget_tokens(cfg: DictConfig, root: Path) -> float:
    """Tokens that the budget comes to; for a budget in seconds the scale's tokens.

    root: of runs, whose pinned corpus says how many bytes of text a token takes (special tokens not counted).
    """
    match, amount = cfg.budget.match, cfg.budget.amount
    if match == "bytes":
        train = build_corpus(cfg, root).train
        sizes = train.document_bytes
        return float(amount) * (len(train.tokens) / float(sizes.sum()) if sizes is not None else 0.25)
    if match == "tokens":
        return float(amount)
    if match == "updates":
        return float(amount * cfg.optim.batch_tokens)
    return float(amount / _flops_per_token(cfg)) if match == "flops" else float(cfg.scale.tokens)


def _flops_per_token(cfg: DictConfig) -> float:
    try:
        return baseline_flops(cfg) / cfg.scale.tokens
    except UserError:  # a model that does not state layers and width
        return _FLOPS / _UNKNOWN_TOKENS


def _seconds_per_token(curve: Path) -> float | None:
    """From the first row of the curve to its last, so that what only the first updates cost is left out."""
    rows = read_curves(curve).dropna(subset=["train/loss"]) if curve.exists() else None
    if rows is None or len(rows) < 2:
        return None
    first, last = rows.iloc[0], rows.iloc[-1]
    return float((last["seconds"] - first["seconds"]) / (last["tokens"] - first["tokens"]))
