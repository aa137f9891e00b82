"""Runs as processes: so many at a time, each on its own; what a process could not say of its end is said for it."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal

from ablate.command import FAULT, MISTAKE, OK
from ablate.runs.directory import Place
from ablate.runs.record import FAILURE, UnreadableRecord, in_words, read_failure, read_result, write_failure

_POLL = 0.05  # seconds
_GRACE = 5.0  # seconds between asking a process to stop and making it
_TAIL = 4000  # characters of what a run said last
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")

WORKER = (sys.executable, "-m", "ablate.runs.worker")

Phase = Literal["waiting", "running", "done", "failed"]


@dataclass(eq=False)
class Task:
    """A run to be made, and how far it is. packed: what the worker reads; after: another that has to end before."""

    place: Place
    packed: str
    after: "Task | None" = None
    phase: Phase = "waiting"
    outcome: int = FAULT
    started: float = 0.0
    seconds: float = 0.0
    said: str = ""
    kills: int | None = None  # by the kernel for lack of memory, until the task started
    process: subprocess.Popen[str] | None = field(default=None, repr=False)
    output: IO[str] | None = field(default=None, repr=False)

    @property
    def is_ready(self) -> bool:
        """Whether it waits for nothing but a free place."""
        return self.phase == "waiting" and (self.after is None or self.after.phase in ("done", "failed"))


def run_tasks(
    tasks: Sequence[Task], *, jobs: int, threads: int, changed: Callable[[], None], tick: Callable[[], None],
    command: Sequence[str] = WORKER,
) -> list[int]:  # fmt: skip
    """Run the tasks, `jobs` at a time, the first that is ready next; their outcomes. One that fails stops no other.

    changed: called when a task starts or ends; tick: called often; command: what runs one, its packed job on stdin and
    this process's id as the last argument. When interrupted, the running ones are stopped.
    """
    running: list[Task] = []
    waiting = list(tasks)
    try:
        while waiting or running:
            while len(running) < jobs and (task := next((t for t in waiting if t.is_ready), None)) is not None:
                waiting.remove(task)
                running.append(_start(task, threads=threads, command=command))
                changed()
            for task in [t for t in running if t.process is not None and t.process.poll() is not None]:
                _finish(task)
                running.remove(task)
                changed()
            tick()
            time.sleep(_POLL)
    except BaseException:
        _stop(running)
        raise
    return [task.outcome for task in tasks]


def _start(task: Task, *, threads: int, command: Sequence[str]) -> Task:
    task.kills = kills_for_memory()
    environment = {**os.environ, **{name: str(threads) for name in _THREADS}}
    task.output = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115  closed in _finish
    task.process = subprocess.Popen(
        [*command, str(os.getpid())], stdin=subprocess.PIPE, stdout=task.output,
        stderr=task.output, text=True, env=environment, start_new_session=True,
    )  # fmt: skip
    assert task.process.stdin is not None
    try:
        task.process.stdin.write(task.packed)
        task.process.stdin.close()
    except BrokenPipeError:
        pass  # it ended before it read: its outcome says how
    task.phase, task.started = "running", time.monotonic()
    return task


def kills_for_memory() -> int | None:
    """How many processes the kernel has killed for lack of memory since it started; None where it does not count."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
    except (OSError, StopIteration, ValueError):
        return None


def _finish(task: Task) -> None:
    """Read the outcome; write failure.json for a process that could not."""
    assert task.process is not None and task.output is not None
    code = task.process.returncode
    task.seconds = time.monotonic() - task.started
    task.output.seek(0)
    text = task.output.read()
    task.output.close()
    task.said = _last_line(text)
    task.outcome = code if code in (OK, MISTAKE) else FAULT
    task.phase = "done" if code == OK or (code == FAULT and _has_diverged(task.place.directory)) else "failed"
    if task.phase == "failed" and code != MISTAKE and (code < 0 or not (task.place.directory / FAILURE).exists()):
        task.said = in_words(_cause(code, task.said, starved=(kills_for_memory() or 0) > (task.kills or 0)))
        task.place.directory.mkdir(parents=True, exist_ok=True)
        write_failure(task.place.directory, run_id="", error=task.said, traceback=text[-_TAIL:])
    elif task.phase == "failed" and code != MISTAKE:  # the run has written down what it was
        task.said = str((read_failure(task.place.directory) or {}).get("error", task.said))


def _has_diverged(directory: Path) -> bool:
    try:
        record = read_result(directory)
    except UnreadableRecord:
        return False
    return record is not None and record.status == "diverged"


def _cause(code: int, said: str, *, starved: bool) -> str:
    """What ended a process. starved: whether the kernel has killed for lack of memory since it began."""
    if code >= 0:
        return f"the process ended with code {code}: {said or 'it said nothing'}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    if name != "SIGKILL":
        return f"the process was killed by {name}"
    # other killers (of a container, of a desktop) are not in the kernel's count
    likely = "probably" if starved else "perhaps"
    return f"the process was killed by {name}, {likely} because the machine was out of memory"


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip().removeprefix("ablate: ") if lines else ""


def _stop(tasks: Sequence[Task]) -> None:
    processes = [task.process for task in tasks if task.process is not None]
    for process in processes:
        process.terminate()
    until = time.monotonic() + _GRACE
    for process in processes:
        try:
            process.wait(max(until - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for task in tasks:
        if task.output is not None:
            task.output.close()
