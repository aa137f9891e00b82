"""Names of studies, arms and run directories, made from what was asked on the command line."""

import hashlib
import re
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from ablate.config.science import LADDER, SCIENCE
from ablate.data.sources.files import name_of
from ablate.errors import UserError
from ablate.runs.directory import Place

DEFAULT_SCALE, DEFAULT_DATA = "laptop", "pydocs"
JOIN = "__"  # between the exps of an arm that combines several: `+exp=[a,b]` is the arm a__b
_VARIANT, _FOLDER = 118, 255  # characters of a variant; of a folder's name, in most file systems
_SOURCE_KEYS_KEPT = ("data.fraction",)  # other data keys say where the corpus is: the study's name carries that


def place_of(cfg: DictConfig, hydra_cfg: Any, overrides: list[str], *, multirun: bool) -> Place:
    """The run's root, study, arm and seed."""
    root = Path(hydra_cfg.sweep.dir if multirun else hydra_cfg.run.dir)
    return Place(root=root, study=study_name(cfg), arm=arm_name(overrides), seed=cfg.seed)


def study_name(cfg: DictConfig) -> str:
    """The study, with `.<scale>` and `.<data>` appended where they are not its defaults."""
    scale = cfg.study.get("scale", DEFAULT_SCALE)
    data = cfg.study.get("data", DEFAULT_DATA)
    name = str(cfg.study.name)
    if cfg.scale.name != scale:
        name += f".{cfg.scale.name}"
    if data_name(cfg) != data:
        name += f".{data_name(cfg)}"
    return safe(name)


def data_name(cfg: DictConfig) -> str:
    """data.name, or what data.path is called.

    Raises:
        UserError: there is neither.
    """
    name, path = cfg.data.get("name"), cfg.data.get("path")
    if not name and not path:
        raise UserError(f"data.name={name}: this text needs a name, for it has no data.path to be called by")
    return str(name or name_of(str(path)))


def source_keys(cfg: DictConfig) -> dict[str, Any]:
    """The keys of group data that say what is read."""
    plain = OmegaConf.to_container(cfg.data, resolve=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items() if key not in ("name", "fraction", "refresh", "cache")}


def arm_name(overrides: list[str]) -> str:
    """The exp's name plus `.<key>-<value>` for every other override that changes the recipe.

    Raises:
        UserError: the exps are too many for a folder's name.
    """
    exp, rest = "bert", []
    for override in OverridesParser.create().parse_overrides(overrides):
        key = override.key_or_group
        value = override.get_value_element_as_str() if override.value() is not None else "null"
        if key == "exp":
            exp = JOIN.join(part.strip() for part in value.strip("[]").split(","))
        elif _changes_recipe(key) and (key, value) != (LADDER, "1"):
            rest.append(f"{key}-{value}")
    name = f"{_clean(exp)}.{_variant(rest)}".strip(".") or "unnamed"
    if len(name) > _FOLDER:
        raise UserError(
            f"+exp={exp_value(exp)}: {len(name)} characters with its overrides, and a folder's name has at most "
            f"{_FOLDER}; write them into one exp of your own"
        )
    return name


def _variant(overrides: list[str]) -> str:
    """The overrides in order. Of those too long together, the shorter ones and a hash of all: overrides are kept whole
    or not at all, because studies know their runs by them, and are the same beside every exp."""
    whole = ".".join(sorted(overrides))
    if len(_clean(whole)) <= _VARIANT:
        return _clean(whole)
    digest = hashlib.sha256(whole.encode()).hexdigest()[:12]
    kept = sorted(map(_clean, overrides), key=lambda one: (len(one), one))
    while len(".".join([*kept, digest])) > _VARIANT:
        kept.pop()
    return ".".join([*sorted(kept), digest])


def exps_of(arm: str) -> list[str]:
    """The exps that an arm combines."""
    return arm.split(JOIN)


def exp_value(arm: str) -> str:
    """What `+exp=` takes to compose an arm: `a`, or `[a,b]` for `a__b`."""
    exps = exps_of(arm)
    return exps[0] if len(exps) == 1 else f"[{','.join(exps)}]"


def _changes_recipe(key: str) -> bool:
    head = key.split(".")[0].split("/")[0]
    if head == "data":
        return key in _SOURCE_KEYS_KEPT
    return head in SCIENCE or key.startswith("scale.") or key in ("trainer.precision", "trainer.dropout_bits")


def safe(name: str) -> str:
    """The name as one folder's: no separators, no `=` (Hydra's grammar), at most 120 characters."""
    clean = _clean(name) or "unnamed"
    if len(clean) <= 120:
        return clean
    return clean[:107] + "-" + hashlib.sha256(name.encode()).hexdigest()[:12]


def _clean(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip(".")
