"""A checked job as text, for the process that will run it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ablate.config import resolvers
from ablate.config.compose import without_hydra
from ablate.runs.directory import Place


@dataclass(frozen=True)
class Planned:
    """A job that is composed and checked: its config, where it runs, and the overrides that made it.

    teacher: the run that must be finished before, where the recipe is a student of `teacher.exp`.
    """

    cfg: DictConfig
    place: Place
    overrides: tuple[str, ...]
    config_dirs: tuple[Path, ...] = ()
    teacher: "Planned | None" = None

    @property
    def key(self) -> frozenset[str]:
        """Its overrides without Hydra's own, in no order."""
        return key_of(self.overrides)


def key_of(overrides: tuple[str, ...] | list[str]) -> frozenset[str]:
    """What identifies a job of a command line."""
    return frozenset(one for one in overrides if not one.lstrip("+~").startswith("hydra"))


def pack(planned: Planned) -> str:
    """The job as JSON; interpolations are kept, so that later overrides of it still mean what they say."""
    return json.dumps(_plain(planned))


def _plain(planned: Planned) -> dict[str, Any]:
    place = planned.place
    return {
        "config": OmegaConf.to_yaml(without_hydra(planned.cfg)), "overrides": list(planned.overrides),
        "config_dirs": [str(folder) for folder in planned.config_dirs],
        "place": {"root": str(place.root), "study": place.study, "arm": place.arm, "seed": place.seed},
        "teacher": None if planned.teacher is None else _plain(planned.teacher),
    }  # fmt: skip


def unpack(text: str) -> Planned:
    """The job that `pack` wrote."""
    resolvers.register()
    return _planned(json.loads(text))


def _planned(plain: dict[str, Any]) -> Planned:
    cfg = OmegaConf.create(plain["config"])
    assert isinstance(cfg, DictConfig)
    place = Place(**{**plain["place"], "root": Path(plain["place"]["root"])})
    teacher = None if plain["teacher"] is None else _planned(plain["teacher"])
    folders = tuple(Path(p) for p in plain["config_dirs"])
    return Planned(cfg, place, tuple(plain["overrides"]), folders, teacher)
