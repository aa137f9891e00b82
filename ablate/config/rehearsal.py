"""A rehearsal of a planned run: the same path with a small budget, from which the whole run's cost follows."""

from dataclasses import dataclass, replace
from pathlib import Path

from omegaconf import DictConfig, open_dict

from ablate.config.packing import Planned
from ablate.config.reference import baseline_flops, with_flops
from ablate.errors import UserError
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


def rehearsal(job: Planned, root: Path) -> Planned:
    """The job with a small budget and few updates, in a folder of its own; everything else as planned."""
    cfg = with_flops(job.cfg, list(job.overrides), config_dirs=job.config_dirs).copy()
    tokens = int(min(_FLOPS / _flops_per_token(cfg), budget_tokens(cfg)))
    with open_dict(cfg):
        if cfg.optim.batch_tokens * _UPDATES > tokens:
            cfg.optim.batch_tokens = max(tokens // _UPDATES, cfg.input.length)
            tokens = cfg.optim.batch_tokens * _UPDATES
        cfg.budget.match, cfg.budget.amount = "tokens", tokens
        cfg.eval.every_tokens = max(int(tokens * cfg.eval.every_tokens / budget_tokens(cfg_of(job))), 1)
        cfg.trainer.log_every = max(tokens // cfg.optim.batch_tokens // _ROWS, 1)
        cfg.logger = None
    return replace(job, cfg=cfg, place=replace(job.place, root=root))


def cost_of(job: Planned, rehearsed: Planned, *, seconds: float) -> Cost:
    """The cost of a planned run from its rehearsal, which took `seconds` from start to end.

    Raises:
        UserError: the rehearsal failed.
    """
    run = read_run(rehearsed.place.directory)
    if run.record is None or run.state != "done":
        raise UserError(f"arm {job.place.arm}: its rehearsal failed: {run.problem}")
    whole, small = budget_tokens(cfg_of(job)), run.metrics["train/tokens"]
    per_token = _seconds_per_token(rehearsed.place.directory / "metrics.csv") or run.metrics["train/seconds"] / small
    match, amount = job.cfg.budget.match, job.cfg.budget.amount
    training = float(amount) if match == "seconds" else whole * per_token
    size = sum(p.stat().st_size for p in rehearsed.place.directory.rglob("*") if p.is_file())
    return Cost(
        arm=job.place.arm, tokens=whole, flops=run.metrics["train/flops"] / small * whole, training=training,
        overhead=max(seconds - run.metrics["train/seconds"], 0.0), bytes=size,
        memory_mb=run.metrics.get("train/peak_memory_mb", 0.0),
    )  # fmt: skip


def cfg_of(job: Planned) -> DictConfig:
    """The job's config with its budget in FLOPs filled in."""
    return with_flops(job.cfg, list(job.overrides), config_dirs=job.config_dirs)


def budget_tokens(cfg: DictConfig) -> float:
    """Tokens that the budget comes to; for a budget in seconds the scale's tokens."""
    match, amount = cfg.budget.match, cfg.budget.amount
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
