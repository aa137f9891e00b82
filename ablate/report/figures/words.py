"""Names and sentences inside figures: what the font can draw, wrapped and shortened, and labels that do not collide."""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from matplotlib.axes import Axes
from matplotlib.font_manager import findfont
from matplotlib.ft2font import FT2Font

from ablate.config.naming import JOIN
from ablate.report.units import label_of

_UNKNOWN = "\N{REPLACEMENT CHARACTER}"


@cache
def _font() -> FT2Font:
    """A copy of the figures' font to measure with: measuring with the shared one would move what it draws."""
    return FT2Font(findfont("DejaVu Sans"))


@cache
def _drawable() -> frozenset[int]:
    return frozenset(_font().get_charmap())


@cache
def _letters(character: str) -> float:
    """How many letters' room a character takes: 1 for all but the wide ones."""
    _font().set_size(100, 72)
    return max(_font().load_char(ord(character)).linearHoriAdvance / 65536 / 65, 1.0)


def drawn(text: str) -> str:
    """The text with what the font lacks, and control characters, replaced: one mark for each run of them."""
    kept = (c if ord(c) in _drawable() and c.isprintable() else _UNKNOWN for c in " ".join(text.split()))
    return re.sub(f"{_UNKNOWN}+", _UNKNOWN, "".join(kept))


def short(text: str, length: int = 34) -> str:
    """At most `length` letters' room: the middle gives way, since names tend to differ at their ends."""
    text = drawn(text)
    if sum(map(_letters, text)) <= max(length, 1):
        return text
    head = (length - 1) * 2 // 3
    return f"{_fitting(text, head)}…{_fitting(text[::-1], length - 1 - head)[::-1]}"


def arm_labels(arms: Sequence[str], length: int = 30) -> list[str]:
    """Arms side by side, each in `length` letters' room: where that cuts a name, what all share gives way first.

    `few_tokens__dynamic_masking` beside other arms of few tokens is `…dynamic_masking`.
    """
    names = [drawn(arm) for arm in arms]
    if all(short(name, length) == name for name in names) or len(names) < 2:
        return [short(name, length) for name in names]
    parts = [name.split(JOIN) for name in names]
    shared = set(parts[0]).intersection(*parts[1:])
    own = [JOIN.join(part for part in of_arm if part not in shared) for of_arm in parts]
    return [short(f"…{rest}" if shared and rest else name, length) for name, rest in zip(names, own, strict=True)]


def _fitting(text: str, room: float) -> str:
    """As much of the beginning as there is room for."""
    used = 0.0
    for i, character in enumerate(text):
        used += _letters(character)
        if used > room:
            return text[:i]
    return text


def axis_label(metric: str) -> str:
    """A metric with its unit, as a figure can draw it."""
    return short(label_of(metric), 60)


def wrapped(text: str, width: int, *, lines: int = 2) -> str:
    """At most so many lines of so many characters: broken after spaces and `_`, inside a word only if it must be."""
    text = short(text, width * lines)
    made = [""]
    for piece in re.findall(r"[^ _]*[ _]?", text):
        if made[-1] and len(made[-1]) + len(piece.rstrip()) > width:
            made.append("")
        made[-1] += piece
    if len(made) > lines or max(map(len, made)) > width + 1:
        made = [text[i : i + width] for i in range(0, len(text), width)]
    return "\n".join(line.strip() for line in made)


def spread(positions: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """Positions moved apart, in their order, until neighbours are `gap` from one another, inside [low, high].

    Where there is not room for all of them the gap shrinks.
    """
    if not positions:
        return []
    order = sorted(range(len(positions)), key=lambda i: (positions[i], i))
    gap = min(gap, (high - low) / max(len(positions) - 1, 1))
    placed = [min(max(positions[i], low), high) for i in order]
    for i in range(1, len(placed)):
        placed[i] = max(placed[i], placed[i - 1] + gap)
    placed[-1] = min(placed[-1], high)
    for i in range(len(placed) - 2, -1, -1):
        placed[i] = min(placed[i], placed[i + 1] - gap)
    found = [0.0] * len(positions)
    for i, position in zip(order, placed, strict=True):
        found[i] = position
    return found


def label_ends(axes: Axes, ends: Sequence[tuple[float, float, str, str]], *, size: float = 8.0) -> None:
    """Name lines at the right of the axes, each with a thin leader from its end; the limits stay as they are then.

    ends: x, y (in data units), text, colour.
    """
    axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())
    figure = axes.get_figure(root=True)
    assert figure is not None
    height = axes.get_position().height * figure.get_size_inches()[1] * 72
    to_axes = axes.transData + axes.transAxes.inverted()
    at = [to_axes.transform((x, y)) for x, y, _, _ in ends]
    gap = size * 1.2 / max(height * 0.8, 1.0)
    places = spread([float(y) for _, y in at], gap=gap, low=0.0, high=1.0)
    for (x, y), place, (_, _, text, colour) in zip(at, places, ends, strict=True):
        line: dict[str, Any] = {
            "color": colour,
            "lw": 0.7,
            "ls": (0, (1, 2)),
            "alpha": 0.8,
            "clip_on": False,
            "zorder": 1,
        }
        axes.plot([x, 1.0, 1.03], [y, y, place], transform=axes.transAxes, **line)
        axes.text(1.04, place, text, color=colour, fontsize=size, va="center", transform=axes.transAxes)
