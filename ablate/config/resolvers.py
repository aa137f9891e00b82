"""The few functions that conf/ may call."""

import math
from typing import Any

from omegaconf import DictConfig, OmegaConf

from ablate.config.paths import user_cache

Number = int | float


def _tidy(value: float) -> Number:
    return int(value) if float(value).is_integer() else value


def _check_numbers(*values: Any) -> None:
    for value in values:
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise TypeError(f"{value!r} is not a number")  # OmegaConf adds the key


def multiply(*factors: Any) -> Number:
    """The product, as an int where it is whole."""
    _check_numbers(*factors)
    return _tidy(math.prod(factors))


def updates(tokens: Any, batch: Any, length: Any, multiple: Any = 1) -> int:
    """How many updates of batch x length positions hold multiple x tokens."""
    _check_numbers(tokens, batch, length, multiple)
    return math.ceil(tokens * multiple / (batch * length))


def sweep(_root_: DictConfig) -> dict[str, str]:
    """The sweep that the config's study stands for: every arm of a seed before the next seed; empty without a study."""
    from ablate.config.studies import exp_value, study_of

    study = study_of(_root_)
    if study is None:
        return {}
    ladder = {"optim.lr_ladder": ",".join(f"{m:g}" for m in (1.0, *study.robustness))} if study.robustness else {}
    return {**ladder, "seed": ",".join(map(str, study.seeds)), "+exp": ",".join(map(exp_value, study.arms))}


def register() -> None:
    """Register the resolvers once per process."""
    for name, function in (("mul", multiply), ("updates", updates), ("user_cache", user_cache), ("sweep", sweep)):
        OmegaConf.register_new_resolver(f"ablate.{name}", function, replace=True)
