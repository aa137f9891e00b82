"""Writing a file whole."""

import os
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Write beside, flush to disk, then rename: what was there stays until all of the text is.

    One process at a time writes a path; its callers hold a lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
