"""A small corpus of real files, and runs on it in this process or through the command line."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ablate.config.compose import compose_jobs
from ablate.experiment import run
from ablate.sweep import place_of

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
        (job,) = compose_jobs([*tiny, *overrides, f"hydra.run.dir={root}"])
        place = place_of(job.cfg, job.cfg.hydra, job.overrides, multirun=False)
        return run(job.cfg, place, roots=[root]), place.directory

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


def environment_of(**extra):
    """This process's environment with the package importable and one thread."""
    root = str(Path(__file__).resolve().parent.parent)
    return {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1", **extra}
