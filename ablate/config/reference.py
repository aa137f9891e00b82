"""The arm that a budget in FLOPs is measured against: the baseline, or the one that `budget.like` names."""

from collections.abc import Collection
from functools import cache
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, open_dict

from ablate.config.compose import compose_one, without_seed
from ablate.config.naming import exp_value
from ablate.config.packing import Planned
from ablate.config.science import GROUPS
from ablate.errors import UserError
from ablate.models.cost import encoder_flops, head_flops, training_flops

# what a command line says of a student alone; the rest holds for its teacher too
STUDENTS = ("exp", "teacher", "loss", "init", "nsp", "masking", "budget", "replicate")
_INNER = ("cosine", "hidden", "attention")  # terms of a loss that need the teacher's forward pass without its logits
STUDENTS_KEYS = ("model.layers", "model.layers_multiple", "model.token_types", "optim.lr_ladder")


def with_flops(cfg: DictConfig, overrides: list[str], *, config_dirs: tuple[Path, ...] = ()) -> DictConfig:
    """The config with `budget.amount` filled in where a budget in FLOPs has none: what the reference would spend."""
    if cfg.budget.match != "flops" or cfg.budget.amount is not None:
        return cfg
    names = cfg.budget.get("like"), cfg.study.get("baseline")
    flops = _reference_flops(without_seed(overrides), *names, config_dirs)
    filled = cfg.copy()
    with open_dict(filled):
        filled.budget.amount = flops * cfg.budget.multiple
    return filled


def cfg_of(job: Planned) -> DictConfig:
    """A job's config `with_flops`."""
    return with_flops(job.cfg, list(job.overrides), config_dirs=job.config_dirs)


@cache
def _reference_flops(
    overrides: tuple[str, ...], like: str | None, baseline: str | None, config_dirs: tuple[Path, ...]
) -> float:
    if like is None:
        arm = [] if baseline is None else [f"+exp={exp_value(baseline)}"]
        return arm_flops([*_without_recipe(list(overrides)), *arm], config_dirs=config_dirs)
    try:
        return arm_flops(other_arm(list(overrides), like, apart=("exp", "budget")), config_dirs=config_dirs)
    except UserError as error:
        raise UserError(f"budget.like={like}: {error}") from None


def baseline_of(overrides: list[str], *, config_dirs: tuple[Path, ...] = ()) -> DictConfig:
    """The baseline of a command line: the same scale, data source and execution, without its arm and its recipe."""
    return compose_one(_without_recipe(overrides), config_dirs=config_dirs)


def baseline_flops(cfg: DictConfig) -> float:
    """Training FLOPs that a BERT-shaped config spends on its scale's tokens, at sequences of full length.

    Raises:
        UserError: the config's model does not state layers and width.
    """
    encoder, head = _forward_flops(cfg)
    return cfg.scale.tokens * training_flops(encoder + predicted_share(cfg) * head)


def arm_flops(overrides: list[str], *, config_dirs: tuple[Path, ...] = ()) -> float:
    """As `baseline_flops` for any arm; a student's teacher adds its forward pass.

    Raises:
        UserError: a teacher or model whose size no config states.
    """
    cfg = compose_one(overrides, config_dirs=config_dirs)
    own = baseline_flops(cfg)
    if cfg.teacher.path is not None:
        raise UserError(f"teacher.path={cfg.teacher.path}: no config states its FLOPs; give budget.amount")
    if cfg.teacher.exp is None or not (uses_logits(cfg) or any(cfg.loss.get(name) for name in _INNER)):
        return own
    apart = (*STUDENTS, *STUDENTS_KEYS)
    teacher = compose_one(other_arm(overrides, cfg.teacher.exp, apart=apart), config_dirs=config_dirs)
    encoder, head = _forward_flops(teacher)
    return own + cfg.scale.tokens * (encoder + (predicted_share(cfg) * head if uses_logits(cfg) else 0.0))


def uses_logits(cfg: DictConfig) -> bool:
    """Whether the loss compares with the teacher's logits."""
    return bool(cfg.loss.get("soft") or cfg.loss.get("logits"))


def predicted_share(cfg: DictConfig) -> float:
    """The share of positions at which the output layer is needed: the masked ones, or all of them."""
    everywhere = cfg.loss.get("positions") == "all" and uses_logits(cfg)
    return 1.0 if everywhere else float(cfg.masking.get("rate", 0.15))


def other_arm(overrides: list[str], exp: str, *, apart: Collection[str]) -> list[str]:
    """The command line of another arm: `exp` in place of the one named, without the keys and groups in `apart`."""
    kept = []
    for override in OverridesParser.create().parse_overrides(overrides):
        key = override.key_or_group
        if not {key, key.split(".")[0].split("/")[0]} & {*apart} and override.input_line:
            kept.append(override.input_line)
    return [*kept, f"+exp={exp_value(exp)}"]


def _forward_flops(cfg: DictConfig) -> tuple[float, float]:
    model = cfg.model
    if "layers" not in model or "width" not in model:
        raise UserError(f"budget=flops: model={model.get('name')} states no layers and width; give budget.amount=FLOPs")
    encoder = encoder_flops(
        layers=model.layers, width=model.width, intermediate=model.intermediate, length=cfg.input.length
    )
    return encoder, head_flops(width=model.width, vocabulary=cfg.tokenizer.vocab_size)


def _without_recipe(overrides: list[str]) -> list[str]:
    kept = []
    for override in OverridesParser.create().parse_overrides(overrides):
        key = override.key_or_group
        head = key.split(".")[0]
        changes_recipe = head in GROUPS and (head != "data" or key == "data.fraction")
        if not changes_recipe and head not in ("exp", "replicate") and override.input_line:
            kept.append(override.input_line)
    return kept
