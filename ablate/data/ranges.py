"""Concatenated integer ranges: how tables of spans become flat indices without a loop."""

import numpy as np
from jaxtyping import Int64


def ranges(starts: Int64[np.ndarray, " n"], counts: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " total"]:
    """`starts[0], starts[0] + 1, ...` for `counts[0]` numbers, then the same for the next, in one array."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(starts - ends + counts, counts) + np.arange(total)
