"""What a sweep shows while it runs: a live table on a terminal, a line per run elsewhere."""

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ablate.runs.launcher import Task

_REFRESH = 0.5  # seconds


class Board:
    """Shows the tasks; `skipped` runs were finished before."""

    def __init__(self, console: Console, tasks: Sequence[Task], *, skipped: int, jobs: int) -> None:
        self.console, self.tasks, self.skipped, self.jobs = console, tasks, skipped, jobs
        self.live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._said: set[int] = set()
        self._shown = 0.0

    def __enter__(self) -> "Board":
        if self.live is not None:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live is not None:
            self.live.update(self.render(), refresh=True)
            self.live.stop()
            for task in self.tasks:
                if task.phase == "failed":
                    self._print(f"{task.place.arm} seed {task.place.seed} failed: {task.said}")

    def changed(self) -> None:
        """A task has started or ended."""
        if self.live is not None:
            self.live.update(self.render(), refresh=True)
            return
        for task in self.tasks:
            if task.phase in ("done", "failed") and id(task) not in self._said:
                self._said.add(id(task))
                said = "" if task.outcome == 0 else f": {task.said}"
                name = f"{task.place.arm} seed {task.place.seed}"
                self._print(f"{name}: {_word(task)} in {task.seconds:.0f} s{said}; {self.summary()}")

    def tick(self) -> None:
        """Time has passed."""
        if self.live is not None and time.monotonic() - self._shown > _REFRESH:
            self._shown = time.monotonic()
            self.live.update(self.render(), refresh=True)

    def summary(self) -> str:
        """Done, running, failed, to do, time left."""
        count = {phase: sum(t.phase == phase for t in self.tasks) for phase in ("waiting", "running", "done", "failed")}
        left = time_left(self.tasks, jobs=self.jobs, now=time.monotonic())
        words = [
            f"{self.skipped + count['done']} of {self.skipped + len(self.tasks)} done", f"{count['running']} running",
            f"{count['failed']} failed", f"{count['waiting']} to do",
        ]  # fmt: skip
        return ", ".join(words) + (f", about {_duration(left)} left" if left else "")

    def render(self) -> RenderableType:
        """The table: arms by seeds."""
        seeds = sorted({task.place.seed for task in self.tasks})
        table = Table("arm", *(f"seed {seed}" for seed in seeds))
        arms = dict.fromkeys(task.place.arm for task in self.tasks)
        cells = {(task.place.arm, task.place.seed): _cell(task) for task in self.tasks}
        for arm in arms:
            table.add_row(arm, *(cells.get((arm, seed), Text("")) for seed in seeds))
        return Group(table, Text(self.summary()))

    def _print(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


def time_left(tasks: Sequence[Task], *, jobs: int, now: float) -> float | None:
    """Seconds until all are done, from the runs that are; None before the first."""
    known = seconds_by_arm((task.place.arm, task.seconds) for task in tasks if task.phase == "done")
    open_tasks = [task for task in tasks if task.phase in ("waiting", "running")]
    if not known or not open_tasks:
        return None
    left = 0.0
    for task in open_tasks:
        expected = expected_seconds(task.place.arm, known)
        left += expected - (min(now - task.started, expected) if task.phase == "running" else 0.0)
    return left / min(jobs, len(open_tasks))


def seconds_by_arm(runs: Iterable[tuple[str, float]]) -> dict[str, list[float]]:
    """How long runs took, given as arm and seconds."""
    known: dict[str, list[float]] = {}
    for arm, seconds in runs:
        known.setdefault(arm, []).append(seconds)
    return known


def expected_seconds(arm: str, known: Mapping[str, Sequence[float]]) -> float:
    """What another run of the arm will take: the mean of its own runs, or else of all, of which there must be one."""
    alike = known.get(arm) or [seconds for of_arm in known.values() for seconds in of_arm]
    return sum(alike) / len(alike)


def _word(task: Task) -> str:
    if task.phase == "failed":
        return "failed"
    return "done" if task.outcome == 0 else "diverged"


def _cell(task: Task) -> Text:
    if task.phase == "waiting":
        return Text("to do", style="dim")
    if task.phase == "running":
        tokens = _tokens(task.place.directory / "metrics.csv")
        return Text(f"running {time.monotonic() - task.started:.0f} s{tokens}", style="cyan")
    word = _word(task)
    return Text(f"{word} {task.seconds:.0f} s", style="green" if word == "done" else "bold red")


def _tokens(curve: Path) -> str:
    """The tokens of the last row of metrics.csv, if there is one."""
    try:
        with curve.open("rb") as file:
            file.seek(max(curve.stat().st_size - 500, 0))
            cells = file.read().decode(errors="replace").splitlines()[-1].split(",")
        return f", {float(cells[1]):,.0f} tokens"
    except (OSError, IndexError, ValueError):
        return ""


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
