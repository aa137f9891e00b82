"""A small corpus of real files, and runs on it in this process or through the command line."""

import os
import random
import runpy
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from ablate.sweep import plan_jobs, run_planned

torch.set_num_threads(1)

NOUNS = "cat dog ship tree river house child king storm road city garden letter window table".split()
VERBS = "sees finds keeps leaves builds follows paints carries answers opens".split()
PLACES = "in the north, near the old mill, under the bridge, by the sea, behind the wall".split(", ")
TINY = (
    "scale=smoke", "scale.tokens=4096", "scale.batch=8", "tokenizer.vocab_size=150", "trainer.threads=1",
    "trainer.accelerator=cpu", "trainer.progress=false", "eval.chars=2000", "eval.format_chars=1000",
)  # fmt: skip


def story(rng):
    """A document: paragraphs of short sentences with some structure to learn."""
    sentences = [
        f"The {rng.choice(NOUNS)} {rng.choice(VERBS)} the {rng.choice(NOUNS)} {rng.choice(PLACES)}."
        for _ in range(rng.randint(5, 30))
    ]
    return "\n\n".join(" ".join(sentences[i : i + 5]) for i in range(0, len(sentences), 5))


@pytest.fixture(scope="session")
def texts(tmp_path_factory):
    """A folder of 150 text files."""
    folder = tmp_path_factory.mktemp("texts")
    rng = random.Random(0)
    for i in range(150):
        (folder / f"{i:03}.txt").write_text(story(rng))
    return folder


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """A prepared-corpus cache that the session's runs share."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def tiny(texts, cache):
    """Overrides of a run that takes a second or two."""
    return ["data=text", f"data.path={texts}", "data.validation_fraction=0.2", f"cache={cache}", *TINY]


@pytest.fixture
def run_tiny(tiny, tmp_path):
    """Run one job in this process: `run_tiny("+exp=no_nsp")` -> (record, directory)."""

    def start(*overrides, root=tmp_path):
        (job,) = plan_jobs([*tiny, *overrides, f"hydra.run.dir={root}"], multirun=False)
        return run_planned(job, with_teacher=True), job.place.directory

    return start


@pytest.fixture
def command(tmp_path):
    """Run `python -m <module> ...` in an empty directory; returns the finished process."""

    def call(*arguments, module="ablate", cwd=tmp_path, timeout=240, **environment):
        return subprocess.run(
            [sys.executable, "-m", module, *map(str, arguments)], cwd=cwd, capture_output=True, text=True,
            timeout=timeout, env=environment_of(**environment),
        )  # fmt: skip

    return call


@pytest.fixture
def answer(tmp_path, monkeypatch, capsys):
    """`python -m <module> ...` in this process, in an empty directory: like `command`, without a process's start."""

    def call(*arguments, module):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [module, *map(str, arguments)])
        spec = find_spec(module)
        path = (
            Path(spec.origin) if spec.submodule_search_locations is None else Path(spec.origin).parent / "__main__.py"
        )
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(path), run_name="__main__")
        said = capsys.readouterr()
        return SimpleNamespace(returncode=ended.value.code, stdout=said.out, stderr=said.err)

    return call


def environment_of(**extra):
    """This process's environment with the package importable and one thread."""
    root = str(Path(__file__).resolve().parent.parent)
    return {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1", **extra}
