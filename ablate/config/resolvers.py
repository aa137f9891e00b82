"""The few functions that conf/ may call."""

import math

from omegaconf import OmegaConf

from ablate.config.paths import user_cache

Number = int | float


def _tidy(value: float) -> Number:
    return int(value) if float(value).is_integer() else value


def multiply(*factors: Number) -> Number:
    """The product, as an int where it is whole."""
    return _tidy(math.prod(factors))


def updates(tokens: Number, batch: Number, length: Number, multiple: Number = 1) -> int:
    """How many updates of batch x length positions hold multiple x tokens."""
    return math.ceil(tokens * multiple / (batch * length))


def register() -> None:
    """Register the resolvers once per process."""
    for name, function in (("mul", multiply), ("updates", updates), ("user_cache", user_cache)):
        OmegaConf.register_new_resolver(f"ablate.{name}", function, replace=True)
