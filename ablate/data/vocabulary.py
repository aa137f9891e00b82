"""What the rest of the code needs to know of a tokenizer: special ids and which tokens continue a word."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool


@dataclass(frozen=True)
class Vocabulary:
    """Ids of the special tokens and, per token id, whether it continues a word (`##ing`) or is special."""

    size: int
    pad: int
    unk: int
    cls: int
    sep: int
    mask: int
    continues: Bool[np.ndarray, " vocab"]
    special: Bool[np.ndarray, " vocab"]
