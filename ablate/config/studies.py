"""A study among the configs: found by name or file, its arms composed, the sweep that it stands for."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from ablate.config.compose import compose_jobs, compose_one, yaml_mistake
from ablate.config.including import with_included
from ablate.config.naming import exp_value
from ablate.config.paths import given_dirs
from ablate.config.reference import with_flops
from ablate.config.science import recipe, without_labels
from ablate.errors import UserError, one_line
from ablate.runs.collect import Run
from ablate.studies.exact import Recipes
from ablate.studies.families import judged_runs
from ablate.studies.study import Study, read_study


def study_of(cfg: DictConfig) -> Study | None:
    """The study that a config declares; None where it is ad hoc (no arms).

    Raises:
        UserError: a mistake in the study's file.
    """
    plain = OmegaConf.to_container(cfg.study, resolve=True)
    assert isinstance(plain, dict)
    if set(plain) <= {"name", "scale", "data"}:
        return None
    directories = given_dirs(cfg.hydra) if "hydra" in cfg else ()
    return read_study(with_included({str(key): value for key, value in plain.items()}, config_dirs=directories))


def named_study(name: str, overrides: Sequence[str] = (), *, config_dirs: tuple[Path, ...] = ()) -> Study:
    """The study of a name in conf/study, or of a file with that content.

    Raises:
        UserError: no such study, or a mistake in it.
    """
    if name.endswith((".yaml", ".yml")):
        return _study_file(Path(name), overrides, config_dirs)
    study = study_of(compose_one([f"+study={name}", *overrides], config_dirs=config_dirs))
    if study is None:
        raise UserError(f"study={name}: declares no arms and claims")
    return study


def _study_file(path: Path, overrides: Sequence[str], config_dirs: tuple[Path, ...]) -> Study:
    if not path.is_file():
        raise UserError(f"{path}: no such study file")
    if path.parent.name == "study":
        return named_study(path.stem, overrides, config_dirs=(path.parent.parent, *config_dirs))
    if overrides:
        raise UserError(f"{overrides[0]}: cannot be said of {path}, which is in no folder study/; change it there")
    try:
        plain = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    except YAMLError as error:
        raise UserError(yaml_mistake(error, path=path)) from error
    except (OmegaConfBaseException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {one_line(error)}") from error
    node = plain.get("study") if isinstance(plain, dict) else None
    if not isinstance(node, dict):
        raise UserError(f"{path}: has no `study:`")
    return read_study(with_included({str(key): value for key, value in node.items()}, config_dirs=config_dirs))


def arm_recipes(
    study: Study, overrides: Sequence[str], *, config_dirs: tuple[Path, ...] = (), arms: Collection[str] | None = None
) -> dict[str, dict[str, Any]]:
    """The resolved recipe of every arm of a study and of its exact claims (or of `arms`), under common overrides.

    Raises:
        UserError: an arm that is no exp, or whose exps contradict each other.
    """
    if arms is None:
        arms = dict.fromkeys([*study.arms, *(arm for claim in study.claims for arm in claim.arms)])
    return {arm: _recipe(arm, study, overrides, config_dirs) for arm in arms}


def recipes_compared(study: Study, runs: Sequence[Run], *, config_dirs: tuple[Path, ...] = ()) -> Recipes:
    """What exact claims compare: the recipes of the judged runs, or those of the study's files until all arms have run.

    One that ran is never held against one that did not: the former has its command's scale, the latter the study's.

    Raises:
        UserError: as `arm_recipes`.
    """
    needed = {arm for claim in study.claims if claim.kind == "exact" for arm in claim.arms}
    ran = {run.arm: run.identity for run in judged_runs(study, runs) if run.identity}
    if needed <= set(ran):
        return ran
    composed = arm_recipes(study, [], config_dirs=config_dirs, arms=needed)
    return {arm: without_labels(plain) for arm, plain in composed.items()}


def _recipe(arm: str, study: Study, overrides: Sequence[str], config_dirs: tuple[Path, ...]) -> dict[str, Any]:
    own = [f"{key}={value}" for key, value in study.overrides_of(arm).items()]
    asked = [f"+exp={exp_value(arm)}", *own, *overrides]
    try:
        cfg = compose_jobs(asked, config_dirs=config_dirs)[0].cfg
    except UserError as error:
        raise UserError(f"study {study.name}: arm {arm}: {error}") from None
    return recipe(with_flops(cfg, asked, config_dirs=config_dirs))
