"""A sweep of real runs, one of which gets no memory: it fails in words, the rest goes on, the same command retries."""

import json
import resource
import subprocess
import sys

import pytest
from conftest import environment_of

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(sys.platform != "linux", reason="limits address space"),
]

PEAK = """
import sys
from ablate.__main__ import main
try:
    main()
except SystemExit as end:
    lines = open('/proc/self/status').read().splitlines()
    print(end.code, next(line.split()[1] for line in lines if line.startswith('VmPeak')))
"""
ROOM = 400_000_000  # bytes beyond what a small run needs
# so many positions are one tensor of 300 million bytes, which training needs four of: it is tensors that find no room
LARGE = "model.max_length=1200000"


def test_a_run_out_of_memory_fails_alone_and_is_retried(tmp_path, tiny):
    asked = [*tiny, "eval=none", "optim=adamw", "scale.tokens=512", "init.std=0.02"]
    small = subprocess.run(
        [sys.executable, "-c", PEAK, *asked], cwd=tmp_path, env=environment_of(), capture_output=True, text=True
    )
    code, peak = small.stdout.split()[-2:]
    assert code == "0", small.stderr
    limit = int(peak) * 1024 + ROOM
    command = [sys.executable, "-m", "ablate", "-m", *asked, f"{LARGE},256,128", "hydra.launcher.jobs=1"]

    def sweep(memory):
        return subprocess.run(
            command, cwd=tmp_path, env=environment_of(), capture_output=True, text=True,
            preexec_fn=memory and (lambda: resource.setrlimit(resource.RLIMIT_AS, (memory, memory))),
        )  # fmt: skip

    first = sweep(limit)
    assert first.returncode == 1, first.stderr
    (failure,) = tmp_path.glob("multirun/*/*/seed-0/failure.json")
    assert LARGE.replace("=", "-") in failure.parent.parent.name
    # which allocation fails is the machine's choice, and oneDNN does not say why its own did
    assert json.loads(failure.read_text())["error"].startswith(("out of memory: ", "likely out of memory: "))
    (said,) = (line for line in first.stderr.splitlines() if " seed 0: failed in" in line)
    assert LARGE.replace("=", "-") in said
    assert "out of memory: " in said
    done = {p: p.stat().st_mtime_ns for p in tmp_path.glob("multirun/*/*/seed-0/result.json")}
    assert len(done) == 2  # the runs after it were made

    again = sweep(None)  # the same command, when there is memory
    assert again.returncode == 0, again.stderr
    assert "2 of 3 runs are finished and skipped" in again.stderr
    assert not failure.exists()
    assert {p: p.stat().st_mtime_ns for p in done} == done
    assert (failure.parent / "result.json").exists()
