"""One line about long work: live on a terminal, a single line at the end elsewhere, nothing when it was quick."""

import sys
import time
from types import TracebackType
from typing import Any

from ablate.data.cache import say

_QUIET_SECONDS = 2.0


class Progress:
    """Counts bytes of text: `with Progress("tokenising books", total=n) as progress: progress.add(len(data))`."""

    def __init__(self, doing: str, *, total: int | None = None) -> None:
        self._doing = doing
        self._total = total
        self._done = 0
        self._start = time.monotonic()
        self._line: Any = None
        self._task: Any = None

    def __enter__(self) -> "Progress":
        return self

    def add(self, num_bytes: int) -> None:
        """Count bytes that are done, and show it."""
        self._done += num_bytes
        if self._line is None and self.seconds > _QUIET_SECONDS and sys.stderr.isatty():
            self._show()
        if self._line is not None:
            self._line.update(self._task, completed=self._done)

    @property
    def seconds(self) -> float:
        """Since the work began."""
        return time.monotonic() - self._start

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
        from rich.progress import Progress as RichProgress

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        self._line = RichProgress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)
        self._task = self._line.add_task(self._doing, total=self._total)
        self._line.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._line is not None:
            self._line.stop()
        if error is None and self.seconds > _QUIET_SECONDS:
            megabytes = self._done / 1e6
            rate = megabytes / self.seconds
            say(f"{self._doing}: {megabytes:,.1f} MB in {self.seconds:,.0f} s ({rate:,.1f} MB/s)")
