"""What a run prints, on the terminal and in run.log."""

import sys
from pathlib import Path
from typing import IO

from rich.console import Console, RenderableType


class RunLog:
    """Prints to stderr, and to run.log once there is a directory."""

    def __init__(self) -> None:
        self.console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
        self._file: IO[str] | None = None

    def open(self, path: Path) -> None:
        """Append to run.log from now on."""
        self._file = path.open("a")

    def close(self) -> None:
        """Close run.log."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __call__(self, text: RenderableType) -> None:
        """Print a line, or anything that rich renders; text is never read as markup."""
        self.console.print(text, markup=False)
        if self._file is not None:
            Console(file=self._file, width=110).print(text, markup=False)
            self._file.flush()
