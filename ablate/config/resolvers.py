"""The few functions that conf/ may call."""

import math
from collections.abc import Callable
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ablate.config.paths import user_cache
from ablate.config.values import is_number

Number = int | float


def _tidy(value: float) -> Number:
    return int(value) if float(value).is_integer() else value


def _check_numbers(*values: Any) -> None:
    for value in values:
        if not is_number(value):
            raise TypeError(f"{value!r} is not a number")  # OmegaConf adds the key


def multiply(*factors: Any) -> Number:
    """The product, as an int where it is whole."""
    _check_numbers(*factors)
    return _tidy(math.prod(factors))


def rest(share: Any) -> Number:
    """What is left of 1."""
    _check_numbers(share)
    return _tidy(1 - share)


def updates(tokens: Any, batch: Any, length: Any, multiple: Any = 1) -> int:
    """How many updates of batch x length positions hold multiple x tokens."""
    _check_numbers(tokens, batch, length, multiple)
    return math.ceil(tokens * multiple / (batch * length))


def sweep(_root_: DictConfig) -> dict[str, str]:
    """The sweep that the config's study stands for, the first where it takes several; empty without a study."""
    return next(iter(_sweeps(_root_)), {})


def more_sweeps(_root_: DictConfig) -> list[dict[str, str]]:
    """The others, of a study that includes studies."""
    return _sweeps(_root_)[1:]


def _sweeps(root: DictConfig) -> list[dict[str, str]]:
    from ablate.config.studies import study_of
    from ablate.config.sweeping import sweeps

    study = study_of(root)
    return [] if study is None else sweeps(study)


def register() -> None:
    """Register the resolvers once per process."""
    functions: dict[str, Callable[..., Any]] = {
        "mul": multiply, "rest": rest, "updates": updates, "user_cache": user_cache, "sweep": sweep,
        "more_sweeps": more_sweeps,
    }  # fmt: skip
    for name, function in functions.items():
        OmegaConf.register_new_resolver(f"ablate.{name}", function, replace=True)
