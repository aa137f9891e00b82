"""An SVG file made ready to stand inside a page: its ids its own, its size the page's, its meaning in words."""

import re
from pathlib import Path

from markupsafe import Markup, escape

_HEAD = re.compile(r"^.*?<svg\b[^>]*>", re.DOTALL)
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_TITLE = re.compile(r"\s*<title>.*?</title>", re.DOTALL)
_VIEW = re.compile(r'viewBox="([^"]*)"')
_ID = re.compile(r'(\bid="|url\(#|href="#)')


def inline_svg(path: Path, *, prefix: str, alt: str) -> tuple[Markup, float]:
    """The drawing as markup, and its natural width in CSS pixels.

    prefix: goes before every id, since a page holds many drawings. The file's own title gives way to `alt`.
    """
    text = path.read_text(encoding="utf-8")
    head = _HEAD.match(text)
    view = _VIEW.search(head[0]) if head else None
    if head is None or view is None:
        raise ValueError(f"{path}: not an SVG with a viewBox")
    body = _TITLE.sub("", _METADATA.sub("", text[head.end() :]))
    body = _ID.sub(rf"\g<1>{prefix}-", body)
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="{view[1]}" '
        f'role="img" aria-label="{escape(alt)}">'
    )
    points = float(view[1].split()[2])
    return Markup(opening + body.strip()), points * 96 / 72
