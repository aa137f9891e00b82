"""When a run counts as diverged: a rule on the training loss, fixed beforehand, that never looks at a test score."""

import math

EXPLODED = 2.0


class Diverged(RuntimeError):
    """The run is over: its loss is not finite or has exploded. An outcome, not a fault."""


def check(loss: float, *, update: int, uniform_loss: float) -> None:
    """Raise Diverged where a mean training loss is not finite or above EXPLODED times a uniform guess's.

    A uniform guess over V tokens costs ln V nats, where training starts; twice that is worse than knowing nothing.
    """
    if not math.isfinite(loss):
        raise Diverged(f"the training loss became {loss} at update {update}")
    if loss > EXPLODED * uniform_loss:
        raise Diverged(
            f"the training loss exploded to {loss:.2f} nats at update {update}, "
            f"over {EXPLODED:g} times that of a uniform guess ({uniform_loss:.2f})"
        )
