"""Whole processes: their time and their peak memory."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")


@dataclass(frozen=True)
class Done:
    """What a finished process took, and what it printed."""

    seconds: float
    output: str


def python(arguments: Sequence[str], *, cwd: Path, threads: int | None = None) -> Done:
    """Run `python ...` to its end.

    Raises:
        RuntimeError: it failed; with the end of what it said.
    """
    limited = {} if threads is None else dict.fromkeys(_THREADS, str(threads))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TOKENIZERS_PARALLELISM": "false", **limited}
    started = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"python {' '.join(arguments)}: exit code {done.returncode}\n{done.stderr[-2000:]}")
    return Done(seconds, done.stdout)
