"""The four embedded tasks: how each turns held-out passages into examples. Every choice is a hash of its subject."""

import re
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pandas as pd

from ablate.data.hashing import key_of, mix, stream
from ablate.evaluation.embedded import FEWEST, NotEnoughText, Passage

TOPICS = 8
_PLAIN = re.compile(r"[A-Za-z][a-z]+")


def topic(passages: list[Passage], *, topics: int = TOPICS) -> pd.DataFrame:
    """Which group (pydocs: library) a passage of 8 to 40 words is from; passages that name one of the groups are out.

    The groups are those with the most passages on the side where they have fewer.

    Raises:
        NotEnoughText: the source has no groups, or too few that are large enough.
    """
    named = re.compile("|".join(re.escape(g) for g in sorted({p.group for p in passages if p.group})), re.IGNORECASE)
    rows = [
        {"id": f"{p.id}/{n}", "first": text, "group": p.id, "train": p.train, "topic": p.group}
        for p in passages if p.group
        for n, text in enumerate(_runs(p, shortest=8, longest=40)) if not named.search(text)
    ]  # fmt: skip
    counts: Counter[tuple[str, bool]] = Counter((r["topic"], r["train"]) for r in rows)  # type: ignore[misc]
    smaller = {name: min(counts[name, True], counts[name, False]) for name, _ in counts}
    chosen = sorted(sorted(smaller, key=lambda name: (-smaller[name], name))[:topics])
    if len(chosen) < topics or min(smaller[name] for name in chosen) < FEWEST // topics:
        raise NotEnoughText(f"task=topic: needs {topics} groups of documents; this source has {len(chosen)}")
    frame = pd.DataFrame(rows)
    frame = frame[frame["topic"].isin(chosen)].reset_index(drop=True)
    frame["label"] = frame.pop("topic").map(chosen.index).astype(np.int64)
    return frame


def pair_match(passages: list[Passage]) -> pd.DataFrame:
    """Does this summary (a paragraph's first sentence) belong to this description (what follows it)?

    In half of the pairs the description is another document's, on the same side. Every summary and every description
    occurs once, so that neither alone gives the label away.
    """
    rows = [
        {"id": f"{p.id}/{n}", "first": paragraph[0], "second": rest, "group": p.id, "train": p.train}
        for p in passages
        for n, paragraph in enumerate(_with_next(p)) if (rest := _up_to(paragraph[1:], longest=30))
        and _fits(paragraph[0], 4, 20) and _fits(rest, 5, 30)
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["id", "first", "second", "group", "train"])
    sides = [_mismatched(frame[frame["train"] == side]) for side in (True, False)]
    return pd.concat(sides, ignore_index=True)


def _with_next(passage: Passage) -> Iterator[list[str]]:
    """Paragraphs; one of a single sentence together with the paragraph after it."""
    following = [*passage.paragraphs[1:], []]
    for paragraph, after in zip(passage.paragraphs, following, strict=True):
        yield paragraph if len(paragraph) > 1 else paragraph + after


def _mismatched(frame: pd.DataFrame) -> pd.DataFrame:
    """Every second pair, in the order of a hash, gets the description of the one half of them further on."""
    order = np.argsort(_hashed(frame["id"].tolist(), "pair_match"), kind="stable")
    mixed = frame.iloc[order].reset_index(drop=True)
    wrong = np.arange(1, len(mixed), 2)
    swapped = np.roll(wrong, len(wrong) // 2)
    mixed["label"] = np.int64(1)
    mixed.loc[wrong, "label"] = np.int64(0)
    documents = mixed["group"].str.rsplit("#", n=1).str[0].to_numpy()
    mixed.loc[wrong, "second"] = mixed["second"].to_numpy()[swapped]
    same = np.zeros(len(mixed), dtype=bool)
    same[wrong] = documents[wrong] == documents[swapped]
    return mixed[~same]


def sentence_order(passages: list[Passage]) -> pd.DataFrame:
    """Two neighbouring sentences of a paragraph: are they in the order in which they were written?"""
    rows = []
    for p in passages:
        for n, (a, b) in enumerate(_neighbours(p)):
            if _fits(a, 5, 25) and _fits(b, 5, 25):
                rows.append({"id": f"{p.id}/{n}", "first": a, "second": b, "group": p.id, "train": p.train})
    frame = pd.DataFrame(rows, columns=["id", "first", "second", "group", "train"])
    frame["label"] = (_hashed(frame["id"].tolist(), "sentence_order") % np.uint64(2)).astype(np.int64)
    turned = frame["label"] == 0
    frame.loc[turned, ["first", "second"]] = frame.loc[turned, ["second", "first"]].to_numpy()
    return frame


def _neighbours(passage: Passage) -> Iterator[tuple[str, str]]:
    """Pairs that share no sentence with each other."""
    for paragraph in passage.paragraphs:
        yield from zip(paragraph[0::2], paragraph[1::2], strict=False)


def word_swap(passages: list[Passage]) -> pd.DataFrame:
    """Is a sentence of 6 to 30 words as it was written, or have two of its words changed places?

    The words are plain lower-case ones with at least one word between them, so that neither a capital nor punctuation
    gives the swap away. A sentence occurs either as written or swapped, never both.
    """
    rows = []
    for p in passages:
        for n, sentence in enumerate(s for paragraph in p.paragraphs for s in paragraph):
            name = f"{p.id}/{n}"
            swapped = _swapped(sentence, key=key_of(name))
            if swapped is not None:
                intact = int(mix(stream(0, "word_swap"), key_of(name))) % 2
                rows.append({"id": name, "first": sentence if intact else swapped, "label": intact, "group": p.id,
                             "train": p.train})  # fmt: skip
    return pd.DataFrame(rows, columns=["id", "first", "label", "group", "train"])


def _swapped(sentence: str, *, key: int) -> str | None:
    """With two words exchanged; None where the sentence has no two that fit."""
    words = sentence.split()
    inner = [i for i in range(1, len(words) - 1) if _PLAIN.fullmatch(words[i]) and words[i].islower()]
    pairs = [(i, j) for i in inner for j in inner if j - i >= 2 and words[i] != words[j]]
    if not 6 <= len(words) <= 30 or not pairs:
        return None
    i, j = pairs[int(mix(stream(0, "word_swap/which"), key)) % len(pairs)]
    words[i], words[j] = words[j], words[i]
    return " ".join(words)


def _runs(passage: Passage, *, shortest: int, longest: int) -> Iterator[str]:
    """The paragraphs' sentences in runs of `shortest` to `longest` words that do not overlap."""
    for paragraph in passage.paragraphs:
        rest = paragraph
        while rest:
            run = _up_to(rest, longest=longest)
            taken = max(1, _count(rest, longest))
            if run and _fits(run, shortest, longest):
                yield run
            rest = rest[taken:]


def _count(sentences: list[str], longest: int) -> int:
    """How many whole sentences have at most `longest` words together."""
    totals = np.cumsum([len(sentence.split()) for sentence in sentences])
    return int(np.searchsorted(totals, longest, side="right"))


def _up_to(sentences: list[str], *, longest: int) -> str:
    return " ".join(sentences[: _count(sentences, longest)])


def _fits(text: str, shortest: int, longest: int) -> bool:
    return shortest <= len(text.split()) <= longest


def _hashed(names: list[str], name: str) -> np.ndarray:
    keys = np.array([key_of(one) for one in names], dtype=np.uint64)
    return mix(stream(0, name), keys)
