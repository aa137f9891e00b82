"""A budget in tokens, raw bytes, updates, FLOPs or seconds as the number of updates, or the clock, that ends a run."""

import math
from dataclasses import dataclass
from typing import Literal

Match = Literal["tokens", "bytes", "updates", "flops", "seconds"]


@dataclass(frozen=True)
class Budget:
    """When to stop: after `updates`, or after `seconds` of training (one of the two is set)."""

    updates: int | None
    seconds: float | None

    def progress(self, update: int, seconds: float) -> float:
        """The share of the budget spent in the middle of update number `update` (from 0), or at `seconds`.

        The middle, so that neither the first nor the last update has a learning rate of zero.
        """
        if self.updates is not None:
            return min(1.0, (update + 0.5) / self.updates)
        assert self.seconds is not None
        return min(1.0, seconds / self.seconds)

    def spent(self, update: int, seconds: float) -> bool:
        """Whether `update` finished updates, or `seconds`, use it up."""
        return update >= self.updates if self.updates is not None else seconds >= (self.seconds or 0.0)


def resolve(
    *, match: Match, amount: float, batch_tokens: int, flops_per_token: float, bytes_per_token: float = math.nan
) -> Budget:
    """Turn an amount in the unit of `match` into a Budget; at least one update. Bytes need `bytes_per_token`."""
    if match == "seconds":
        return Budget(updates=None, seconds=float(amount))
    per_update = {
        "tokens": batch_tokens, "bytes": batch_tokens * bytes_per_token, "updates": 1.0,
        "flops": batch_tokens * flops_per_token,
    }[match]  # fmt: skip
    return Budget(updates=max(1, math.ceil(amount / per_update - 1e-9)), seconds=None)
