"""When a run counts as diverged: a rule on the training loss, fixed beforehand, that never looks at a test score."""

import math
from collections.abc import Sequence

import numpy as np

EXPLODED = 2.0
COLLAPSED = 0.25  # the share of what training had gained that a collapsed run has lost again at its end, and
_NOISE = 0.5  # what it has lost at least (in nats, where no term is weighted), so that hardly moving is not called one
_FEWEST, _WINDOW = 10, 3  # rows of a curve that say enough; rows of which a median is taken, at least


class Diverged(RuntimeError):
    """The run is over: its loss is not finite, has exploded or has collapsed. An outcome, not a fault."""


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


def check_end(losses: Sequence[float]) -> None:
    """Raise Diverged where training fell back at its end: the run collapsed.

    losses: the training losses of the curve, in order, each the weighted sum of its terms. What counts are medians over
    a tenth of them: the last one against the lowest, and the lowest against the first loss. A model that overfits does
    not collapse by this rule, for its training loss falls. Curves of a few rows say too little.
    """
    if len(losses) < _FEWEST:
        return
    window = max(_WINDOW, len(losses) // 10)
    levels = np.median(np.lib.stride_tricks.sliding_window_view(losses, window), axis=1)
    lost, gained = levels[-1] - levels.min(), losses[0] - levels.min()
    if lost > _NOISE and lost > COLLAPSED * gained:
        raise Diverged(
            f"the training loss collapsed to {levels[-1]:.2f} nats at the end, from {levels.min():.2f} at its lowest "
            f"(each over {window} rows of the curve)"
        )
