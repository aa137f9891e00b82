"""How figures look: colours that colour-blind readers tell apart, sizes of a printed column, a white card."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from ablate.report.units import short_number

P = ParamSpec("P")

WIDTH, NARROW = 7.0, 4.6  # inches: a page's text width, and what a single panel needs
DPI = 200  # of the PNG
INK, QUIET, FAINT, BAND = "#1a1a1a", "#5c5c5c", "#c9c9c9", "#e6e9ee"
BASELINE = "#1a1a1a"

# Okabe and Ito's hues, darkened until thin lines and small words are legible on white
HUES = ("#0067a5", "#c04a00", "#00785a", "#a3457f", "#8a6d00", "#2f8fc4", "#5b3fa0", "#7a4b2a")
DASHES: tuple[str | tuple[int, tuple[float, ...]], ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)))
VERDICTS = {
    "supported": ("#0067a5", "o"),
    "contradicted": ("#b3380a", "X"),
    "negligible": ("#00785a", "s"),
    "inconclusive": ("#6a6a6a", "D"),
    "not testable": ("#6a6a6a", "P"),
}

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that every machine draws the same paths
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.5,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.formatter.use_mathtext": False,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "lines.linewidth": 1.5,
    "figure.facecolor": "white",
    "figure.constrained_layout.w_pad": 0.09,  # inches: a name at the edge may come out a little wider in the PNG
    "svg.fonttype": "path",
    "text.parse_math": False,  # a dollar in somebody's name is a dollar
    "legend.frameon": False,
    "legend.fontsize": 8,
    "path.simplify": True,
}


@contextmanager
def style(name: str) -> Iterator[None]:
    """matplotlib's settings for a figure of that name, whatever the user's are."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update({**_STYLE, "svg.hashsalt": f"ablate {name}"})
        yield


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw under `style`."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with style(draw.__module__):
            return draw(*args, **kwargs)

    return drawn


def panels(rows: int, columns: int, *, width: float, height: float, **more: Any) -> tuple[Figure, list[Axes]]:
    """A figure outside pyplot with its axes, row by row; width and height in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, **more)
    return figure, list(grid.flat)


def arm_styles(arms: list[str], *, baseline: str) -> dict[str, tuple[str, str | tuple[int, tuple[float, ...]]]]:
    """Colour and dash of each arm; the baseline is black."""
    others = [arm for arm in arms if arm != baseline]
    styles = {arm: (HUES[i % len(HUES)], DASHES[(i // len(HUES)) % len(DASHES)]) for i, arm in enumerate(others)}
    return {**styles, baseline: (BASELINE, "-")}


def log_axis(axis: str, axes: Axes, *, ticks: list[float], names: list[str] | None = None) -> None:
    """A log axis whose ticks are the given values, named or written as people say them."""
    getattr(axes, f"set_{axis}scale")("log")
    one = getattr(axes, f"{axis}axis")
    one.set_major_formatter(FuncFormatter(lambda value, _: short_number(value)))
    one.set_minor_formatter(NullFormatter())
    one.set_ticks(ticks, names)
    one.set_ticks([], minor=True)


def big_numbers(axis: str, axes: Axes) -> None:
    """Ticks such as `2 M` in place of an offset above the axis."""
    getattr(axes, f"{axis}axis").set_major_formatter(FuncFormatter(lambda value, _: short_number(value)))
