"""Extractive spans: long contexts as overlapping windows, and the best span over an example's windows."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int64
from tokenizers import Tokenizer
from torch import Tensor

from ablate.evaluation.encoding import Encoded, padded

LONGEST_ANSWER = 30  # tokens


@dataclass(frozen=True)
class Windows:
    """Encoded windows, the example each is of, the characters of the context that each token covers, the targets."""

    encoded: Encoded
    example: Int64[np.ndarray, " windows"]
    offsets: Int64[np.ndarray, "windows width 2"]
    targets: Int64[np.ndarray, "windows 2"]  # tokens of start and end; 0, the [CLS], where the answer is not inside


def windows(tokenizer: Tokenizer, frame: pd.DataFrame, *, length: int, stride: int, pad: int) -> Windows:
    """`[CLS] question [SEP] part of the context [SEP]`, parts overlapping by `stride` tokens.

    A question takes at most a third of the window.
    """
    tokenizer.no_padding()
    tokenizer.enable_truncation(max(4, length // 3))
    questions = [e.offsets[-1][1] for e in tokenizer.encode_batch(frame["first"].tolist(), add_special_tokens=False)]
    cut = [text[:end] for text, end in zip(frame["first"], questions, strict=True)]
    room = length - max(4, length // 3) - 4
    tokenizer.enable_truncation(length, stride=min(stride, room // 2), strategy="only_second")
    try:
        encodings = tokenizer.encode_batch(list(zip(cut, frame["second"], strict=True)))
    finally:
        tokenizer.no_truncation()
    parts = [[e, *e.overflowing] for e in encodings]
    flat = [part for one in parts for part in one]
    example = np.repeat(np.arange(len(frame)), [len(one) for one in parts])
    encoded = padded(flat, pad=pad)
    offsets = np.zeros((*encoded.ids.shape, 2), dtype=np.int64)
    for row, part in enumerate(flat):
        offsets[row, : len(part.offsets)] = part.offsets
    return Windows(encoded, example, offsets, _targets(frame, encoded, example, offsets))


def _targets(frame: pd.DataFrame, encoded: Encoded, example: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    first = [starts[0] if len(starts) else -1 for starts in frame["starts"]]
    last = [s + len(a[0]) if len(a) else -1 for s, a in zip(first, frame["answers"], strict=True)]
    start, end = np.array(first, dtype=np.int64)[example, None], np.array(last, dtype=np.int64)[example, None]
    opens, closes = offsets[..., 0], offsets[..., 1]
    begins = np.asarray(encoded.second & (opens <= start) & (start < closes))
    ends = np.asarray(encoded.second & (opens < end) & (end <= closes))
    inside = np.asarray(begins.any(axis=1) & ends.any(axis=1))
    return np.where(inside[:, None], np.stack([begins.argmax(1), ends.argmax(1)], axis=1), 0)


def best_spans(
    logits: Float[Tensor, "batch 2 seq"], second: torch.Tensor
) -> tuple[Float[Tensor, " batch"], Int64[Tensor, "batch 2"], Float[Tensor, " batch"]]:
    """Per window: the best span's score, its first and last token, and the score of no answer ([CLS])."""
    start = logits[:, 0].float().masked_fill(~second, -torch.inf)
    end = logits[:, 1].float().masked_fill(~second, -torch.inf)
    width = start.shape[1]
    band = torch.ones(width, width, dtype=torch.bool, device=logits.device).triu().tril(LONGEST_ANSWER - 1)
    both = (start[:, :, None] + end[:, None, :]).masked_fill(~band, -torch.inf).flatten(1)
    score, at = both.max(1)
    null = logits[:, 0, 0].float() + logits[:, 1, 0].float()
    return score, torch.stack([at // width, at % width], dim=1), null


def answers(
    frame: pd.DataFrame, windows: Windows, *, score: Float[np.ndarray, " windows"],
    span: Int64[np.ndarray, "windows 2"], null: Float[np.ndarray, " windows"], open_questions: bool,
) -> list[str]:  # fmt: skip
    """Per example the text of its best window's span; "" where no answer scores higher and questions may be open."""
    found = [""] * len(frame)
    best = np.full(len(frame), -np.inf)
    nulls = np.full(len(frame), np.inf)
    np.minimum.at(nulls, windows.example, null)
    contexts = frame["second"].to_numpy(dtype=object)
    for row in np.argsort(windows.example, kind="stable"):
        example = int(windows.example[row])
        if score[row] > best[example] and np.isfinite(score[row]):
            best[example] = score[row]
            (start, _), (_, end) = windows.offsets[row, span[row, 0]], windows.offsets[row, span[row, 1]]
            found[example] = str(contexts[example][start:end])
    return ["" if open_questions and nulls[i] > best[i] else text for i, text in enumerate(found)]
