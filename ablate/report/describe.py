"""What an arm is, in a sentence: from its exp's file, or from the config that one of its runs was composed with."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from ablate.config.naming import exps_of
from ablate.config.paths import conf_dir
from ablate.runs.collect import Run

try:
    from yaml import CSafeLoader as Loader
except ImportError:
    from yaml import SafeLoader as Loader  # type: ignore[assignment]


def describe(arm: str, runs: Sequence[Run], config_dirs: tuple[Path, ...] = ()) -> str:
    """The descriptions of the exps that the arm combines, joined; empty where none is known."""
    found = [_of_exp(exp, config_dirs) for exp in exps_of(arm)]
    known = [text for text in found if text]
    if known:
        return "; ".join(known)
    ran = next((run for run in runs if run.arm == arm and config_of(run)), None)
    return _description(config_of(ran)) if ran is not None else ""


def config_of(run: Run) -> dict[str, Any]:
    """The composed config of a run; empty where it cannot be read."""
    return _yaml(run.directory / ".hydra" / "config.yaml")


def _of_exp(exp: str, config_dirs: tuple[Path, ...]) -> str:
    for folder in (*config_dirs, conf_dir()):
        text = _description(_yaml(folder / "exp" / f"{exp}.yaml"))
        if text:
            return text
    return ""


def _description(config: dict[str, Any]) -> str:
    arm = config.get("arm")
    return str(arm.get("description", "")) if isinstance(arm, dict) else ""


def _yaml(path: Path) -> dict[str, Any]:
    try:
        plain = yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return plain if isinstance(plain, dict) else {}
