"""Runs as processes, with scripts in place of runs: limits, failures, kills, interruption, and what is shown."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from ablate.runs import launcher
from ablate.runs.directory import Place
from ablate.runs.launcher import Task, run_tasks
from ablate.runs.live import Board, time_left
from ablate.runs.record import Record, read_failure, write_result

PYTHON = (sys.executable, "-c")


def task(tmp_path, name="bert", seed=0):
    return Task(place=Place(root=tmp_path, study="x", arm=name, seed=seed), packed=json.dumps({"arm": name}))


def nothing():
    pass


def run(tasks, script, **options):
    settings = {"jobs": 2, "threads": 1, "changed": nothing, "tick": nothing} | options
    return run_tasks(tasks, command=(*PYTHON, script), **settings)


def test_outcomes_in_order_and_the_job_on_stdin(tmp_path):
    tasks = [task(tmp_path, name) for name in ("a", "b", "c")]
    script = "import json, sys; sys.exit({'a': 0, 'b': 2, 'c': 1}[json.load(sys.stdin)['arm']])"
    assert run(tasks, script) == [0, 2, 1]
    assert [t.phase for t in tasks] == ["done", "failed", "failed"]


def test_as_many_at_a_time_as_asked_with_the_threads_asked(tmp_path):
    log = tmp_path / "log"
    script = (
        f"import os, time, pathlib; p = pathlib.Path({str(log)!r}); f = p.open('a', buffering=1); "
        "f.write('+' + os.environ['OMP_NUM_THREADS'] + '\\n'); time.sleep(0.3); f.write('-\\n')"
    )
    run([task(tmp_path, "a", seed) for seed in range(5)], script, jobs=2, threads=3)
    running = peak = 0
    for line in log.read_text().split():
        running += 1 if line == "+3" else -1
        peak = max(peak, running)
    assert peak == 2
    assert running == 0


def test_a_task_starts_when_the_one_that_it_waits_for_has_ended_and_others_meanwhile(tmp_path):
    log = tmp_path / "log"
    slow, fails, student, orphan, other = (task(tmp_path, name) for name in ("slow", "fails", "student", "orphan", "x"))
    student.after, orphan.after = slow, fails
    script = (
        f"import json, pathlib, sys, time; f = pathlib.Path({str(log)!r}).open('a', buffering=1); "
        "name = json.load(sys.stdin)['arm']; f.write(name + '+\\n'); time.sleep(1.0 if name == 'slow' else 0.1); "
        "f.write(name + '-\\n'); sys.exit(name == 'fails')"
    )
    assert run([slow, fails, student, orphan, other], script) == [0, 1, 0, 0, 0]
    said = log.read_text().split()
    assert said.index("student+") > said.index("slow-") > said.index("x-")  # the free place was used
    assert said.index("orphan+") > said.index("fails-")  # which says itself that its teacher failed


def test_a_crash_hurts_only_itself_and_is_written_down(tmp_path):
    tasks = [task(tmp_path, name) for name in ("a", "b", "c")]
    script = (
        "import json, os, signal, sys\nname = json.load(sys.stdin)['arm']\nprint('last words', flush=True)\n"
        "if name == 'b': os.kill(os.getpid(), signal.SIGKILL)\nif name == 'c': raise RuntimeError('no')"
    )
    assert run(tasks, script) == [0, 1, 1]
    assert (
        "killed by SIGKILL, perhaps because the machine was out of memory"
        in read_failure(tasks[1].place.directory)["error"]
    )
    assert "last words" in read_failure(tasks[1].place.directory)["traceback"]
    assert "RuntimeError: no" in read_failure(tasks[2].place.directory)["error"]
    assert read_failure(tasks[0].place.directory) is None


def test_a_kill_while_the_kernel_kills_for_memory_is_probably_one(tmp_path, monkeypatch):
    counts = iter([3, 4])
    monkeypatch.setattr(launcher, "kills_for_memory", lambda: next(counts))
    one = task(tmp_path)
    assert run([one], "import os, signal; os.kill(os.getpid(), signal.SIGKILL)") == [1]
    assert one.said == "the process was killed by SIGKILL, probably because the machine was out of memory"


@pytest.mark.skipif(sys.platform != "linux", reason="limits address space")
def test_a_run_out_of_memory_says_so_and_hurts_no_other(tmp_path):
    """For real: the process may not have more than 1 GB, and one run asks for 4."""
    script = (
        "import json, resource, sys\nresource.setrlimit(resource.RLIMIT_AS, (10**9, 10**9))\n"
        "if json.load(sys.stdin)['arm'] == 'b': bytearray(4 * 10**9)"
    )
    tasks = [task(tmp_path, name) for name in ("a", "b", "c")]
    assert run(tasks, script) == [0, 1, 0]
    assert tasks[1].said == "out of memory: the process ended with code 1: MemoryError"
    assert read_failure(tasks[1].place.directory)["error"] == tasks[1].said


def test_a_mistake_leaves_no_failure_in_a_directory_that_may_be_anothers(tmp_path):
    one = task(tmp_path)
    assert run([one], "import sys; print('ablate: another process is running this run'); sys.exit(2)") == [2]
    assert one.said == "another process is running this run"
    assert not one.place.directory.exists()


def test_a_diverged_run_is_final(tmp_path):
    one = task(tmp_path)
    one.place.directory.mkdir(parents=True)
    write_result(one.place.directory, Record("r", "x", "bert", 0, "diverged", "nan", {}, "e"))
    assert run([one], "import sys; sys.exit(1)") == [1]
    assert one.phase == "done"
    assert read_failure(one.place.directory) is None


def test_a_finished_run_that_cannot_answer_more_has_failed(tmp_path):
    one = task(tmp_path)
    one.place.directory.mkdir(parents=True)
    write_result(one.place.directory, Record("r", "x", "bert", 0, "ok", "", {}, "e"))
    assert run([one], "import sys; print('my metric is broken'); sys.exit(1)") == [1]
    assert one.phase == "failed" and "my metric is broken" in one.said
    assert "my metric is broken" in read_failure(one.place.directory)["error"]


def test_an_interruption_stops_what_runs(tmp_path):
    marks = []

    def tick():
        if (tmp_path / "up").exists():
            marks.append(one.process.pid)
            raise KeyboardInterrupt

    one = task(tmp_path)
    script = f"import pathlib, time; pathlib.Path({str(tmp_path / 'up')!r}).touch(); time.sleep(60)"
    before = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run([one], script, tick=tick)
    assert time.monotonic() - before < 30
    assert not alive(marks[0])


PARENT = """
import sys
from pathlib import Path
from ablate.runs.directory import Place
from ablate.runs.launcher import Task, run_tasks
child = '''
import sys, time, os, pathlib
from ablate.runs.worker import die_with
die_with(int(sys.argv[1]))
pathlib.Path(sys.stdin.read()).write_text(str(os.getpid()))
time.sleep(120)
'''
folder = Path(sys.argv[1])
tasks = [Task(place=Place(folder, "x", "a", i), packed=str(folder / f"pid-{i}")) for i in range(2)]
run_tasks(tasks, jobs=2, threads=1, changed=lambda: None, tick=lambda: None, command=(sys.executable, "-c", child))
"""


def test_children_die_with_a_parent_that_is_killed(tmp_path):
    root = str(Path(__file__).resolve().parents[2])
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], env={**os.environ, "PYTHONPATH": root}
    )  # fmt: skip
    children = [int(wait_for(lambda i=i: (tmp_path / f"pid-{i}").read_text())) for i in range(2)]
    assert all(alive(child) for child in children)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    wait_for(lambda: not any(alive(child) for child in children) or (_ for _ in ()).throw(OSError))


def wait_for(get, seconds=60):
    until = time.monotonic() + seconds
    while True:
        try:
            value = get()
            if value:
                return value
        except OSError:
            pass
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


def alive(pid):
    """Whether the process runs; a zombie that nobody has waited for does not."""
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
        except OSError:
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_time_left_is_what_is_open_over_the_jobs(tmp_path):
    tasks = [task(tmp_path, seed=seed) for seed in range(5)]
    assert time_left(tasks, jobs=2, now=0.0) is None
    tasks[0].phase, tasks[0].seconds = "done", 100.0
    tasks[1].phase, tasks[1].started = "running", 50.0
    assert time_left(tasks, jobs=2, now=90.0) == pytest.approx((4 * 100 - 40) / 2)


def test_time_left_knows_that_arms_take_different_times(tmp_path):
    tasks = [task(tmp_path, name, seed=seed) for seed in range(2) for name in ("long", "short", "other")]
    for one, seconds in zip(tasks, (100.0, 20.0), strict=False):
        one.phase, one.seconds = "done", seconds
    # one more of each, and two of an arm of which nothing is known yet
    assert time_left(tasks, jobs=1, now=0.0) == pytest.approx(100 + 20 + 2 * 60)


def test_the_board_says_a_line_per_run_and_draws_a_table(tmp_path):
    tasks = [task(tmp_path, name) for name in ("a", "b")]
    console = Console(file=io.StringIO(), width=100)
    with Board(console, tasks, skipped=3, jobs=1) as board:
        tasks[0].phase, tasks[0].outcome, tasks[0].seconds = "done", 0, 5.0
        board.changed()
        tasks[1].phase, tasks[1].said = "failed", "out of [memory]"
        board.changed()
        board.changed()
        drawn = Console(file=io.StringIO(), width=100)
        drawn.print(board.render())
    lines = console.file.getvalue().splitlines()
    assert lines == [
        "a seed 0: done in 5 s; 4 of 5 done, 0 running, 0 failed, 1 to do, about 5 s left",
        "b seed 0: failed in 0 s: out of [memory]; 4 of 5 done, 0 running, 1 failed, 0 to do",
    ]
    assert "failed" in drawn.file.getvalue()
