"""One run in a process of its own: reads its job from stdin, dies with the process that started it."""

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_FIRST_TO_GO = "500"  # of 1000: short of memory, Linux kills a run before the process that started it


def main() -> None:
    """`python -m ablate.runs.worker <pid of the parent>`, with the job on stdin; exits with the run's outcome."""
    die_with(int(sys.argv[1]))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO)
    from ablate.launch import run_packed

    sys.exit(run_packed(sys.stdin.read()))


def die_with(parent: int) -> None:
    """Be killed when the parent is gone, however it went: by the kernel on Linux, by looking on elsewhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it went before we could ask
        os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    main()
