"""A real study through the command line: killed twice, started again, judged; identical arms and a planted handicap."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import environment_of

from ablate import api
from ablate.errors import UserError
from ablate.launch import launch
from ablate.runs.collect import collect
from ablate.sweep import plan

pytestmark = pytest.mark.timeout(900)


def workers(parent):
    """Process ids of the parent's running workers."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if after[1] == str(parent) and after[0] not in ("Z", "X"):
            found.append(int(stat.parent.name))
    return found


def wait_for(holds, process, seconds=240):
    until = time.monotonic() + seconds
    while not holds():
        assert process.poll() is None, process.stderr.read() if process.stderr else "it ended"
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.1)


def finished(root):
    return {path: path.stat().st_mtime_ns for path in root.glob("multirun/*/*/seed-*/result.json")}


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_a_study_survives_kills_and_comes_to_the_right_verdicts(tmp_path, tiny):
    arguments = ["-m", "+study=aa", "study.seeds=3", *tiny]
    command = [sys.executable, "-m", "ablate", *arguments]
    quiet = {"cwd": tmp_path, "env": environment_of(), "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    first = subprocess.Popen(command, **quiet)
    wait_for(lambda: list(tmp_path.glob("multirun/*/*/seed-*/metrics.csv")), first)
    victim = workers(first.pid)[0]
    os.kill(victim, signal.SIGKILL)  # one run, as the kernel does when memory is short
    wait_for(lambda: len(finished(tmp_path)) >= 3, first)
    orphans = workers(first.pid)
    first.kill()
    first.wait()
    wait_gone(orphans)
    before = finished(tmp_path)
    (folder,) = (p for p in (tmp_path / "multirun").iterdir() if p.is_dir())
    early = api.judge(folder)
    assert {one.verdict.verdict for one in early.claims} == {"not testable"}
    assert "planned runs are not finished" in early.claims[0].verdict.reason

    again = subprocess.run(command, cwd=tmp_path, env=environment_of(), capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert f"{len(before)} of 12 runs are finished and skipped" in again.stderr
    after = finished(tmp_path)
    assert len(after) == 12
    assert {path: after[path] for path in before} == before  # nothing was run twice
    assert not list(folder.glob("*/seed-*/failure.json"))
    runs = collect(folder)
    assert len({run.record.run_id for run in runs}) == 12
    assert all(run.state == "done" for run in runs)

    judged = {one.claim.id: one for one in api.judge(folder).claims}
    assert judged["identical_arms"].verdict.verdict in ("negligible", "inconclusive")
    assert judged["planted_effect"].verdict.verdict == "supported", judged["planted_effect"].verdict.reason
    assert judged["planted_effect"].registered is True
    assert "planted_effect" in again.stdout
    skip_quickly(tmp_path, arguments[1:], folder)


def skip_quickly(tmp_path, overrides, folder):
    """All twelve are skipped without a process, in at most 0.2 s each."""
    plan([*overrides, f"hydra.sweep.dir={tmp_path / 'multirun'}"], multirun=True)
    jobs = json.loads((folder / "study.json").read_text())["entries"][-1]["asked"]
    assert sum(len(seeds) for seeds in jobs.values()) == 12
    from ablate.sweep import planned_jobs

    planned = [list(job.overrides) for job in planned_jobs().values() if job.place.root == tmp_path / "multirun"]
    before = time.monotonic()
    assert launch(planned, jobs=1, threads=1) == [0] * 12
    assert (time.monotonic() - before) / 12 < 0.2


def wait_gone(pids):
    until = time.monotonic() + 10
    while any(running(pid) for pid in pids):
        assert time.monotonic() < until, f"orphans: {pids}"
        time.sleep(0.05)


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except OSError:
        return False


def test_a_study_that_cannot_be_tested_is_refused_before_it_runs(tmp_path, tiny):
    with pytest.raises(UserError, match="10 fixed masks are never repeated"):
        plan(["+study=masking", "eval=mlm", *tiny, "scale.few=1.0", f"hydra.sweep.dir={tmp_path}"], multirun=True)
    assert not list(tmp_path.glob("*/study.json"))
