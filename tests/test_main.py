"""The command line as its users meet it: real processes, exit codes, one line on a mistake, sweeps that survive."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import environment_of
from filelock import FileLock

from ablate.config.paths import conf_dir

ARMS = {path.stem for path in (conf_dir() / "exp").glob("*.yaml")}
PROBE = """
import runpy, sys
sys.argv = ["ablate", *{arguments!r}]
try:
    runpy.run_module("ablate", run_name="__main__")
finally:
    heavy = {{"torch", "transformers", "pytorch_lightning", "pandas"}} & sys.modules.keys()
    print("HEAVY", sorted(heavy), file=sys.stderr)
"""


def probed(*arguments, **environment):
    """`python -m ablate ...` that says at its end which heavy packages were imported."""
    return subprocess.run(
        [sys.executable, "-c", PROBE.format(arguments=list(arguments))], capture_output=True, text=True, timeout=60,
        env=environment_of(**environment),
    )  # fmt: skip


def files(folder):
    """Every file under a folder but locks, with its time of change."""
    return {p: p.stat().st_mtime_ns for p in Path(folder).rglob("*") if p.is_file() and p.name != ".lock"}


def refused(done):
    """The one line of a process that refused."""
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("ablate: ") and "Traceback" not in line
    return line.removeprefix("ablate: ")


def test_help_imports_nothing_heavy_and_lists_the_arms():
    done = probed("--help")
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1] == "HEAVY []"
    assert set(done.stdout.split("exp: ")[1].split("\n")[0].split(", ")) == ARMS


def test_cfg_prints_the_composed_recipe_or_one_line(command):
    done = probed("--cfg", "job", "+exp=no_nsp", "scale=smoke")
    assert done.returncode == 0 and done.stderr.splitlines()[-1] == "HEAVY []"
    assert "nsp: false" in done.stdout.splitlines() and "  name: smoke" in done.stdout
    assert "no_nsp" in refused(command("--cfg", "job", "+exp=no_nps"))
    assert "--cfg --multirun: one at a time" in refused(command("-m", "--cfg", "job", "+exp=bert"))
    assert "  path: ???" in command("--cfg", "job", "data=text").stdout.splitlines()  # missing values are shown


@pytest.mark.parametrize(
    ("line", "offered"),
    [("ablate +exp=ro", {"+exp=roberta", "+exp=roberta_student_hard"}),
     ("ablate +exp=", {f"+exp={arm}" for arm in ARMS}),
     ("ablate +exp=no_nsp masking=dyn", {"masking=dynamic"}), ("ablate optim.lr_m", {"optim.lr_multiple="})],
)  # fmt: skip
def test_tab_offers_what_can_be_said(line, offered):
    done = probed("-sc", "query=bash", COMP_LINE=line, COMP_POINT=str(len(line)))
    assert set(done.stdout.split()) == offered
    assert done.stderr.splitlines()[-1] == "HEAVY []"


MISTAKES = [
    (["+exp=no_nps"], "exp=no_nps: no such option; nearest: no_nsp"),
    (["optim.lrr=1"], "optim.lrr: no such key; nearest: optim.lr"),
    (["optim.lr=-1"], "optim.lr=-1: must be a number above 0"),
    (["+exp=full_sentences", "nsp=true"], "nsp=true with input=full_sentences"),
    (["input.length=513"], "input.length=513, eval.length=32: above model.max_length=512"),
    (["data.path={nowhere}"], "data.path={nowhere}: no such file or folder"),
    (["data.path={empty}"], "data.path={empty}: no .txt"),
    (["data.path={binary}"], "{binary}/b.txt: not valid UTF-8 at byte 3"),
    (["tokenizer.vocab_size=5000"], "tokenizer.vocab_size=5000: larger than the corpus supports"),
    (["--wrong"], "unrecognized arguments: --wrong"),
    (["--config-name", "mine"], "--config-name mine: ablate's own config is what arms differ from"),
    (["hydra.run.dir={file}"], "hydra.run.dir={file}: cannot be written"),
    (["+study=masking"], "+study=masking: has several arms and seeds; run it with -m"),
    (["-m", "+study=quick,aa"], "+study=quick,aa: one study at a time"),
    (["-m", "hydra.launcher.jobs=0"], "hydra.launcher.jobs=0: must be a whole number from 1, or null"),
    (["-m", "hydra.launcher.threads=two"], "hydra.launcher.threads=two: must be a whole number from 1"),
    (["-m", "trainer.accelerator=gpu"], "trainer.accelerator=gpu: torch finds none here"),
    (["teacher.path=5", "loss=soft"], "teacher.path=5: must be text: teacher.path='\"5\"'"),
    (["eval=embedded", "eval.only=topic"], "eval.only=topic: must be a list of tasks"),
    (["eval=embedded", "eval.finetuning.epochs=x"], "finetuning.epochs=x: must be a whole number"),
    (["eval=embedded", "eval.finetuning.batch=2.5"], "finetuning.batch=2.5: must be a whole number"),
    (["eval=embedded", "eval.tasks.topic=5"], "eval.tasks.topic=5: must be a task"),
    (["eval=embedded", "eval.finetuning=5"], "eval.finetuning=5: must be a group of keys"),
    (["-m", "data.path={nowhere}/x"], "data.path={nowhere}/x: no such file or folder"),
]

SEVERAL = """
import json, sys
from ablate import __main__
for arguments in json.load(sys.stdin):
    sys.argv = ["ablate", *arguments]
    try:
        __main__.main()
    except SystemExit as end:
        print("CODE", end.code, file=sys.stderr)
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory, texts, cache):
    """What each mistake is answered, one process for all of them (importing takes seconds), and what it left behind."""
    folder = tmp_path_factory.mktemp("mistakes")
    places = {name: folder / name for name in ("nowhere", "empty", "binary", "file")}
    places["empty"].mkdir()
    places["binary"].mkdir()
    (places["binary"] / "b.txt").write_bytes(b"abc\xff\xfe")
    places["file"].touch()
    tiny = ["scale=smoke", "data=text", f"data.path={texts}", f"cache={cache}", "tokenizer.vocab_size=150",
            "data.validation_fraction=0.2", "trainer.threads=1", "trainer.accelerator=cpu"]  # fmt: skip
    asked = [[*tiny, *(part.format(**places) for part in overrides)] for overrides, _ in MISTAKES]
    before = set(files(folder))
    done = subprocess.run(
        [sys.executable, "-c", SEVERAL], input=json.dumps(asked), capture_output=True, text=True, cwd=folder,
        timeout=240, env=environment_of(),
    )  # fmt: skip
    *lines, last = done.stderr.split("CODE 2\n")
    assert (done.returncode, done.stdout, last, set(files(folder)) - before) == (0, "", "", set()), done.stderr
    return dict(zip((says for _, says in MISTAKES), lines, strict=True)), places


@pytest.mark.parametrize("says", [says for _, says in MISTAKES])
def test_a_mistake_is_one_line_and_exit_2_and_leaves_nothing(answers, says):
    lines, places = answers
    (line,) = lines[says].splitlines()
    assert line.startswith(f"ablate: {says.format(**places)}")


def test_a_finished_run_is_skipped_and_a_locked_one_refused(command, tiny, tmp_path):
    first = command("+exp=no_nsp", *tiny)
    assert first.returncode == 0, first.stderr
    (result,) = tmp_path.glob("outputs/*/*/seed-0/result.json")
    before = files(tmp_path / "outputs")
    again = command("+exp=no_nsp", *tiny)
    assert again.returncode == 0 and "skipped" in again.stdout + again.stderr
    assert files(tmp_path / "outputs") == before
    with FileLock(result.parent / ".lock"):
        assert "another process" in refused(command("+exp=no_nsp", *tiny))
    assert files(tmp_path / "outputs") == before


SWEEP = ("-m", "+exp=bert,no_nsp", "seed=0,1", "trainer.checkpoint_minutes=0.001", "hydra/launcher=basic")
MEASURED = ("train/seconds", "train/tokens_per_s", "train/peak_memory_mb")


def outcome(result):
    """What two runs of the same recipe must share: status, metrics that are not measurements, and weights."""
    record = json.loads(result.read_text())
    metrics = {key: value for key, value in record["metrics"].items() if key not in MEASURED}
    return record["run_id"], record["status"], metrics, (result.parent / "model" / "model.safetensors").read_bytes()


def outcomes(root):
    """The outcome of every finished run under a root, by its place there."""
    return {str(path.parent.relative_to(root)): outcome(path) for path in root.glob("*/*/seed-*/result.json")}


def test_a_sweep_that_is_killed_goes_on_where_it_was(command, tiny, tmp_path):
    undisturbed = tmp_path / "undisturbed"
    done = command(*SWEEP, *tiny, f"hydra.sweep.dir={undisturbed}")
    assert done.returncode == 0, done.stderr
    killed = tmp_path / "killed"
    arguments = [*SWEEP, *tiny, f"hydra.sweep.dir={killed}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "ablate", *arguments], cwd=tmp_path, start_new_session=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, env=environment_of(),
    )  # fmt: skip
    finished, begun = "*/*/seed-*/result.json", "*/*/seed-*/metrics.csv"
    deadline = time.monotonic() + 200
    while not (len(list(killed.glob(finished))) >= 1 and len(list(killed.glob(begun))) >= 2):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = {path: path.stat().st_mtime_ns for path in killed.glob(finished)}
    assert 1 <= len(before) < 4
    again = command(*arguments)
    assert again.returncode == 0, again.stderr
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(outcomes(undisturbed)) == 4
    assert outcomes(killed) == outcomes(undisturbed)


FAILING = '''
"""Objectives that go wrong."""
import torch
from ablate.objectives.pretraining import HardLabels

class Raises(HardLabels):
    def __call__(self, model, batch):
        raise RuntimeError("no such luck")

class Nan(HardLabels):
    def __call__(self, model, batch):
        return {"loss": super().__call__(model, batch)["loss"] * torch.nan}

def metric(model, corpus):
    raise RuntimeError("no such metric")
'''


def test_a_fault_or_a_divergence_does_not_stop_the_sweep(command, tiny, tmp_path):
    (tmp_path / "failing.py").write_text(FAILING)
    targets = "failing.Raises,failing.Nan,ablate.objectives.pretraining.HardLabels"
    done = command("-m", f"loss._target_={targets}", *tiny, "eval=none", "hydra/launcher=basic")
    assert done.returncode == 1
    folders = {
        path.parent.name.split("_target_-")[1].split(".")[1]: path for path in tmp_path.glob("multirun/*/*/seed-0")
    }
    assert "no such luck" in json.loads((folders["Raises"] / "failure.json").read_text())["error"]
    assert not (folders["Raises"] / "result.json").exists()
    assert "no such luck" in done.stderr and "Traceback" not in done.stderr
    diverged = json.loads((folders["Nan"] / "result.json").read_text())
    assert diverged["status"] == "diverged" and "nan" in diverged["reason"]
    assert json.loads((folders["objectives"] / "result.json").read_text())["status"] == "ok"


def test_a_finished_run_that_cannot_answer_more_fails_the_sweep(command, tiny, tmp_path):
    (tmp_path / "failing.py").write_text(FAILING)
    asked = ("-m", "+exp=bert", *tiny, "eval=none")
    assert command(*asked).returncode == 0
    done = command(*asked, "eval.metrics=[{_target_: failing.metric}]")
    assert done.returncode == 1
    assert "1 failed" in done.stderr and "no such metric" in done.stderr and "diverged" not in done.stderr
