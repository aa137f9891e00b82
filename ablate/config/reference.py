"""The baseline that a budget in FLOPs is measured against."""

from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, open_dict

from ablate.config.compose import compose_one
from ablate.config.science import GROUPS
from ablate.errors import UserError
from ablate.models.cost import encoder_flops, head_flops, training_flops


def with_flops(cfg: DictConfig, overrides: list[str], *, config_dirs: tuple[Path, ...] = ()) -> DictConfig:
    """The config with `budget.amount` filled in where a budget in FLOPs has none: what the baseline would spend."""
    if cfg.budget.match != "flops" or cfg.budget.amount is not None:
        return cfg
    baseline = baseline_of(overrides, config_dirs=config_dirs)
    filled = cfg.copy()
    with open_dict(filled):
        filled.budget.amount = baseline_flops(baseline) * cfg.budget.multiple
    return filled


def baseline_of(overrides: list[str], *, config_dirs: tuple[Path, ...] = ()) -> DictConfig:
    """The baseline of a command line: the same scale, data source and execution, without its arm and its recipe."""
    return compose_one(_without_recipe(overrides), config_dirs=config_dirs)


def baseline_flops(cfg: DictConfig) -> float:
    """Training FLOPs that a BERT-shaped config spends on its scale's tokens, at sequences of full length.

    Raises:
        UserError: the config's model does not state layers and width.
    """
    model = cfg.model
    if "layers" not in model or "width" not in model:
        raise UserError(f"budget=flops: model={model.get('name')} states no layers and width; give budget.amount=FLOPs")
    per_position = encoder_flops(
        layers=model.layers, width=model.width, intermediate=model.intermediate, length=cfg.input.length
    )
    head = head_flops(width=model.width, vocabulary=cfg.tokenizer.vocab_size)
    return cfg.scale.tokens * training_flops(per_position + cfg.masking.rate * head)


def _without_recipe(overrides: list[str]) -> list[str]:
    kept = []
    for override in OverridesParser.create().parse_overrides(overrides):
        key = override.key_or_group
        head = key.split(".")[0]
        changes_recipe = head in GROUPS and (head != "data" or key == "data.fraction")
        if not changes_recipe and head not in ("exp", "replicate") and override.input_line:
            kept.append(override.input_line)
    return kept
