"""Studies that include others: each name replaced by what its file says, and by what that sets for its arms."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from ablate.config.paths import conf_dir
from ablate.config.science import SCIENCE, flatten
from ablate.errors import UserError
from ablate.studies.reading import near

_NOT_OF_ARMS = ("study", "defaults", "eval", "task", "trainer", "logger", "hydra", "arm", "cache")
_OF_ARMS = tuple(group for group in SCIENCE if group != "data")


def with_included(plain: Mapping[str, Any], *, config_dirs: Sequence[Path] = ()) -> dict[str, Any]:
    """The `study:` node with each name under `include` replaced by `{study: its node, overrides: {key: value}}`.

    The evaluation of an included study is left out: one evaluation holds for all runs, that of the including study.

    Raises:
        UserError: an unknown name, or a file that sets what cannot be set for some arms only.
    """
    names = plain.get("include")
    if not isinstance(names, list):
        return dict(plain)
    return {**plain, "include": [_included(one, config_dirs) if isinstance(one, str) else one for one in names]}


def _included(name: str, config_dirs: Sequence[Path]) -> dict[str, Any]:
    folders = [folder / "study" for folder in (*config_dirs, conf_dir())]
    path = next((p for folder in folders if (p := folder / f"{name}.yaml").is_file()), None)
    if path is None:
        known = sorted({p.stem for folder in folders for p in folder.glob("*.yaml")})
        raise UserError(f"include={name}: no such study{near(name, known)}; studies: {', '.join(known)}")
    plain = OmegaConf.to_container(OmegaConf.load(path))
    if not isinstance(plain, dict) or not isinstance(plain.get("study"), dict):
        raise UserError(f"include={name}: {path} has no `study:`")
    return {"study": plain["study"], "overrides": {**_groups(plain, name), **_keys(plain, name)}}


def _groups(plain: Mapping[Any, Any], name: str) -> dict[str, str]:
    """`override /budget: bytes` of the defaults list as budget=bytes."""
    found = {}
    for entry in plain.get("defaults") or ():
        group = next(iter(entry)) if isinstance(entry, dict) else entry
        head = str(group).removeprefix("override /")
        if head in _OF_ARMS and head != group:
            found[head] = str(entry[group])
        elif head not in _NOT_OF_ARMS and group != "_self_":
            raise UserError(f"include={name}: its defaults have {entry}, which cannot be set for its arms only")
    return found


def _keys(plain: Mapping[Any, Any], name: str) -> dict[str, str]:
    """Keys of the recipe that the file sets beside its study."""
    set_here = {str(key): value for key, value in plain.items() if key not in _NOT_OF_ARMS}
    outside = [key for key in set_here if key not in _OF_ARMS]
    if outside:
        raise UserError(f"include={name}: its file sets {outside[0]}, which cannot be set for its arms only")
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in flatten(set_here).items()}
