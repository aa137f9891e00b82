"""What a finished run was, in words: its recipe, and how that differs from the baseline at the same scale and data."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from ablate.config.compose import compose_one
from ablate.config.naming import data_name
from ablate.config.science import difference, recipe
from ablate.errors import UserError


@dataclass(frozen=True)
class Described:
    """A run's recipe. `changes` holds, by dotted key, the baseline's value and the run's."""

    description: str
    source: str
    scale: str
    data: str
    fraction: float  # of the training documents
    length: int  # tokens per sequence, at most
    changes: dict[str, tuple[Any, Any]]


def described(run: Path, *, key: str, config_dirs: tuple[Path, ...] = ()) -> Described:
    """From the config that the run wrote before it started; `key` is what errors call the run.

    Raises:
        UserError: the run has no such config, or the baseline of its scale cannot be composed.
    """
    cfg = composed(run, key=key)
    baseline = compose_one([f"scale={cfg.scale.name}"], config_dirs=config_dirs)
    with open_dict(baseline):
        baseline.scale = cfg.scale
        baseline.data = {**cfg.data, "fraction": baseline.data.fraction}
    return Described(
        description=str(cfg.arm.description), source=str(cfg.arm.source), scale=str(cfg.scale.name),
        data=data_name(cfg), fraction=float(cfg.data.fraction), length=int(cfg.input.length),
        changes=difference(recipe(baseline), recipe(cfg)),
    )  # fmt: skip


def composed(run: Path, *, key: str = "model") -> DictConfig:
    """The composed config of a run, every value resolved.

    Raises:
        UserError: the run has none.
    """
    file = run / ".hydra" / "config.yaml"
    if not file.is_file():
        raise UserError(f"{key}={run}: this run has no .hydra/config.yaml, which says what it was asked")
    cfg = OmegaConf.load(file)
    assert isinstance(cfg, DictConfig)
    return cfg
