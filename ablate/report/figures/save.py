"""A figure as files: SVG for the page, PNG for everything else; the same figure gives the same bytes."""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from ablate.report.figures.style import DPI, style
from ablate.report.material import Plot


def save_plot(plot: Plot, folder: Path) -> list[Path]:
    """Write `<name>.svg` and `<name>.png`; returns both paths. Neither holds a date or a version.

    The canvases are written directly, since `savefig` draws a figure with a layout twice. It is laid out once, so that
    both files keep the same places.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{plot.name}.svg", folder / f"{plot.name}.png"]
    with style(plot.name):
        figure = plot.draw()
        vector = {"Date": None, "Creator": None, "Title": plot.title, "Description": plot.alt}
        canvas = FigureCanvasSVG(figure)
        _lay_out(figure)
        canvas.print_svg(str(paths[0]), metadata=vector)
        figure.set_dpi(DPI)
        FigureCanvasAgg(figure).print_png(str(paths[1]), metadata={"Software": None, "Title": plot.title})
    return paths


def _lay_out(figure: Figure) -> None:
    """Places of the axes to nine decimals: the solver's last digits depend on where in memory its variables lie."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")
    for axes in figure.axes:
        axes.set_position(Bbox(axes.get_position().get_points().round(9)))
