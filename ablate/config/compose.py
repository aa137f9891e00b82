"""Compose configs before Hydra runs any job, so that a mistake is one line and nothing has started."""

import difflib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import compose
from hydra._internal.config_search_path_impl import SearchPathQuery
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.initialize import get_gh_backup, restore_gh_from_backup
from hydra.version import setbase
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from ablate.config import resolvers
from ablate.config.paths import conf_dir
from ablate.config.science import LADDER
from ablate.errors import UserError, one_line


@dataclass(frozen=True)
class Job:
    """One composed run: its config (with the hydra node) and the overrides that made it."""

    cfg: DictConfig
    overrides: list[str]


def compose_jobs(
    overrides: list[str], *, multirun: bool = False, config_dirs: tuple[Path, ...] = (), config_name: str = "config"
) -> list[Job]:
    """Every job that a command line asks for, composed; sweeps (`seed=0,1`) are expanded when `multirun`.

    Raises:
        UserError: an unknown option, key or value, a missing value, or a grammar mistake; one line.
    """
    resolvers.register()
    with _searching(config_dirs), _in_words(overrides):
        lists = _expand(overrides, config_name) if multirun else [overrides]
        return _compose_all(lists, config_name)


def check_composes(overrides: list[str], *, config_dirs: tuple[Path, ...] = ()) -> None:
    """Refuse what cannot even be composed; values may be missing.

    Raises:
        UserError: as compose_jobs.
    """
    resolvers.register()
    with _searching(config_dirs), _in_words(overrides):
        compose("config", overrides)


def compose_one(overrides: list[str], *, config_dirs: tuple[Path, ...] = ()) -> DictConfig:
    """One composed config with the hydra node, for notebooks and the other commands."""
    return compose_jobs(overrides, config_dirs=config_dirs)[0].cfg


def without_hydra(cfg: DictConfig) -> DictConfig:
    """The config alone, as a job sees it."""
    copy = cfg.copy()
    with open_dict(copy):
        copy.pop("hydra", None)
    return copy


def plain(cfg: DictConfig) -> dict[str, Any]:
    """The config alone, as nested dictionaries of plain values."""
    values = OmegaConf.to_container(without_hydra(cfg), resolve=True)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


@contextmanager
def _in_words(overrides: list[str]) -> Iterator[None]:
    """Mistakes as one line; inside `_searching`, because the nearest names need Hydra."""
    try:
        yield
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(_in_one_line(error, overrides)) from error
    except UserError:
        raise
    except YAMLError as error:
        raise UserError(yaml_mistake(error)) from error
    except ValueError as error:  # Hydra's, for a group=3
        raise UserError(f"{' '.join(overrides)}: {error}") from error


def yaml_mistake(error: YAMLError, *, path: Path | None = None) -> str:
    """Where a file is no YAML and why, as one line: `my/exp/a.yaml, line 3: mapping values are not allowed here`."""
    mark = getattr(error, "problem_mark", None)
    where = str(path or (mark.name if mark else "a config file"))
    line = f", line {mark.line + 1}" if mark else ""
    return f"{where}{line}: is not YAML: {getattr(error, 'problem', None) or one_line(error)}"


def _check_adds(folder: Path) -> None:
    """Refuse a user's file that Hydra would never read, because ablate has one of that name."""
    if not folder.is_dir():
        raise UserError(f"--config-dir {folder}: no such folder")
    for path in sorted(folder.rglob("*.yaml")):
        ours = conf_dir() / path.relative_to(folder)
        if ours.is_file() and ours.read_bytes() != path.read_bytes():
            raise UserError(f"{path}: ablate has its own {path.relative_to(folder)}; give yours another name")


@contextmanager
def _searching(config_dirs: tuple[Path, ...]) -> Iterator[None]:
    """Hydra with our conf/ and, after it, the user's: as `--config-dir` does it. A running Hydra is put back."""
    for folder in config_dirs:
        _check_adds(folder)
    before = get_gh_backup()
    GlobalHydra.instance().clear()
    path = create_config_search_path(str(conf_dir()))
    for folder in config_dirs:
        path.prepend(
            provider="command-line", path=f"file://{folder.resolve()}", anchor=SearchPathQuery(provider="schema")
        )
    try:
        setbase("1.3")
        Hydra.create_main_hydra2(task_name="ablate", config_search_path=path)
        yield
    finally:
        restore_gh_from_backup(before)


def without_seed(overrides: list[str]) -> tuple[str, ...]:
    """The overrides that decide the recipe: jobs that share them differ in their seed alone."""
    return tuple(one for one in overrides if not re.fullmatch(r"seed=\d+", one))


def _compose_all(lists: list[list[str]], config_name: str) -> list[Job]:
    """Every job; those that differ in their seed alone are composed once, because composing takes a while."""
    composed: dict[tuple[str, ...], DictConfig] = {}
    jobs = []
    for overrides in lists:
        recipe = without_seed(overrides)
        if recipe not in composed:
            composed[recipe] = _compose(overrides, config_name)
        cfg = composed[recipe].copy()
        seeds = [int(one.removeprefix("seed=")) for one in overrides if one not in recipe]
        if seeds:
            cfg.seed = seeds[-1]
        jobs.append(Job(cfg, overrides))
    return jobs


def _compose(overrides: list[str], config_name: str) -> DictConfig:
    cfg = compose(config_name, overrides, return_hydra_config=True)
    _check_resolves(cfg)
    return cfg


def _check_resolves(cfg: DictConfig) -> None:
    missing = sorted(str(key) for key in OmegaConf.missing_keys(without_hydra(cfg)))
    if missing:
        raise UserError(f"{missing[0]}: needs a value, say {missing[0]}=...")
    OmegaConf.to_container(without_hydra(cfg), resolve=True)


def _expand(overrides: list[str], config_name: str) -> list[list[str]]:
    """The jobs of a command line, with what its study declares and the command line does not: complete seeds first."""
    parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())  # glob() lists a group
    parsed = parser.parse_overrides(overrides)
    for swept in (one for one in parsed if one.key_or_group == "study" and one.is_sweep_override()):
        raise UserError(f"{swept.input_line}: one study at a time; a study may include others (docs/studies.md)")
    plain = [o.input_line or "" for o in parsed if not o.is_sweep_override()]
    sweeper = compose(config_name, plain, return_hydra_config=True).hydra.sweeper
    given = [(str(o.key_or_group), o.input_line or "") for o in parsed]
    sweeps = [dict(sweeper.get("params") or {}), *map(dict, sweeper.get("more") or ())]
    jobs = [_split(parser, _in_order(params, given)) for params in sweeps]
    return jobs[0] if len(jobs) == 1 else _together(sweeps, jobs, parser)


def _in_order(params: dict[str, str], given: list[tuple[str, str]]) -> list[str]:
    """What a study declares, in its order, with what the command line says of the same keys in its place."""
    overrides = []
    for key, value in params.items():
        of_key = [line for name, line in given if name == str(key).lstrip("+~")]
        overrides += of_key or [f"{key}={value}"]
    return overrides + [line for _, line in given if line not in overrides]


def _split(parser: OverridesParser, overrides: list[str]) -> list[list[str]]:
    return [job for batch in BasicSweeper.split_arguments(parser.parse_overrides(overrides), None) for job in batch]


def _together(sweeps: list[dict[str, str]], jobs: list[list[list[str]]], parser: OverridesParser) -> list[list[str]]:
    """The jobs of several sweeps, each once, a seed of all plain ones before the next; the ladders come last.

    An arm that the command line names is run in the sweeps that it is of; one that is of none, in the first.
    """
    arms = [{one for (one,) in _split(parser, [f"+exp={params['+exp']}"])} for params in sweeps]
    first = {seed: place for place, seed in enumerate(dict.fromkeys(_value(job, "seed=") for job in jobs[0]))}
    chosen: dict[frozenset[str], tuple[tuple[bool, int], list[str]]] = {}
    for params, own, of_sweep in zip(sweeps, arms, jobs, strict=True):
        for job in of_sweep:
            arm = _value(job, "+exp=")
            if arm in own or (params is sweeps[0] and not any(arm in others for others in arms)):
                order = (LADDER in params, first.get(_value(job, "seed="), 0))
                chosen.setdefault(frozenset(job), (order, job))
    return [job for _, job in sorted(chosen.values(), key=lambda one: one[0])]


def _value(job: list[str], start: str) -> str:
    return next((one for one in job if one.startswith(start)), "")


def _in_one_line(error: Exception, overrides: list[str]) -> str:
    text = str(error)
    number = re.match(r"TypeError raised while resolving interpolation: (.* is not a number)\s+full_key: (\S+)", text)
    if number:  # from one of our resolvers, of the key that is computed from what was given
        return f"{_given(overrides, number.group(1)) or number.group(2)}: {number.group(1)}"
    resolved = re.match(r"UserError raised while resolving interpolation: (.*)", text)
    if resolved:  # from one of our resolvers
        return resolved.group(1)
    for explain in (_unknown_option, _unknown_key, _missing_value):
        line = explain(text)
        if line:
            return line
    cause = f" ({error.__cause__})" if error.__cause__ else ""
    return re.sub(r"\s+", " ", (text + cause)).strip()


def _given(overrides: list[str], mistake: str) -> str | None:
    """The override whose value a mistake is about; it starts with the value's repr."""
    return next((one for one in overrides if mistake.startswith(repr(one.partition("=")[2]))), None)


def _unknown_option(text: str) -> str | None:
    from ablate.config.naming import exp_value, exps_of  # --cfg imports no torch

    found = re.search(r"Could not find '([\w./-]+)/([^'/]+)'", text)
    if not found:
        return None
    group, option = found.groups()
    listed = re.search(r"Available options in '[^']*':\n((?:\t.*\n?)+)", text)
    options = listed.group(1).split() if listed else []
    parts = exps_of(option)
    if len(parts) > 1 and set(parts) <= set(options):  # as reports call an arm of several
        return f"{group}={option}: no such option; an arm of several is '+{group}={exp_value(option)}'"
    return f"{group}={option}: no such option{_nearest(option, options)}; options: {', '.join(options) or 'none'}"


def _unknown_key(text: str) -> str | None:
    found = re.search(r"Could not (?:override|delete from config\.?)\s*'([^']+)'", text)
    if not found:
        return None
    key = found.group(1)
    known = _known_keys()
    return f"{key}: no such key{_nearest(key, known)}; --cfg job prints all keys, +{key}=... adds one"


def _missing_value(text: str) -> str | None:
    found = re.search(r"Missing mandatory value: ([\w.]+)", text)
    return f"{found.group(1)}: needs a value, say {found.group(1)}=..." if found else None


def _known_keys() -> list[str]:
    plain = OmegaConf.to_container(without_hydra(compose("config", [])), resolve=False)
    return _keys(plain)


def _keys(node: Any, prefix: str = "") -> list[str]:
    if not isinstance(node, dict):
        return []
    paths = [(f"{prefix}{key}", value) for key, value in node.items()]
    return [p for p, _ in paths] + [k for p, v in paths for k in _keys(v, f"{p}.")]


def _nearest(word: str, options: list[str]) -> str:
    close = difflib.get_close_matches(word, options, n=3, cutoff=0.6)
    return f"; nearest: {', '.join(close)}" if close else ""
