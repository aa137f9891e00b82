"""A small study from command to verdict: against the same runs as Trainer processes, and in two ways of its own.

Two learning rates, two seeds. The peers get their text tokenised beforehand, as ablate does; their runs follow each
other with all cores, since nothing runs them side by side. Then what a process costs: --help, start to first step, a
finished run in a sweep.
"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.commands import python
from benchmarks.figures import Figure, ratio
from benchmarks.preparation import write_text
from benchmarks.recipes import Recipe

_SEEDS = 2
_RATES = (1.0, 0.1)  # the arms' learning rates, as multiples


@dataclass(frozen=True)
class Study:
    """Two arms and two seeds of so many updates."""

    recipe: Recipe
    updates: int

    def overrides(self) -> list[str]:
        """For python -m ablate."""
        r = self.recipe
        return [
            "scale=laptop", f"model={r.size}", f"scale.length={r.length}", f"scale.batch={r.batch}", "optim=adamw",
            "input=full_sentences", "nsp=false", "masking=dynamic", "budget=updates", f"budget.amount={self.updates}",
            "trainer.accelerator=cpu", "trainer.progress=false", *r.data,
        ]  # fmt: skip

    def ours(self, root: Path, *, jobs: int, threads: int, seeds: int = _SEEDS) -> float:
        """Seconds of the sweep in a fresh root, or of passing over what is finished there."""
        arguments = [
            "-m", "ablate", "-m", *self.overrides(), "eval.formats=[full_sentences]", "+exp=bert,lr_d10",
            f"seed=range(0,{seeds})",
            f"hydra.sweep.dir={root}", f"hydra.launcher.jobs={jobs}", f"hydra.launcher.threads={threads}",
            f"trainer.threads={threads}",
        ]  # fmt: skip
        return python(arguments, cwd=root.parent).seconds

    def theirs(self, scratch: Path, file: Path, *, threads: int, rates: Sequence[float] = _RATES) -> float:
        """Seconds of the runs one after the other."""
        r = self.recipe
        config = scratch / "config.json"
        r.model().config.to_json_file(config)
        spent = 0.0
        for rate in rates:
            for seed in range(_SEEDS):
                arguments = [
                    "-m", "benchmarks.peer_run", file, r.corpus.tokenizer_path, scratch, "--config", config, "--length",
                    r.length, "--batch", r.batch, "--steps", self.updates, "--seed", seed, "--lr", rate * 1e-3,
                ]  # fmt: skip
                spent += python([str(one) for one in arguments], cwd=scratch, threads=threads).seconds
        return spent


def compare(recipe: Recipe, *, updates: int, rounds: int, cores: int) -> list[Figure]:
    """Time to verdict, and two processes of one thread against one of two."""
    study = Study(recipe, updates)
    two, one, peers = [], [], []
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        file = scratch / "text.jsonl"
        write_text(recipe, file, megabytes=8)
        replace(study, updates=1).theirs(
            scratch, file, threads=cores, rates=_RATES[:1]
        )  # its text is tokenised from now on
        for turn in range(rounds):
            two.append(study.ours(scratch / f"two-{turn}", jobs=cores, threads=1))
            one.append(study.ours(scratch / f"one-{turn}", jobs=1, threads=cores))
            peers.append(study.theirs(scratch, file, threads=cores))
        skipping = _skipping(study, scratch / "two-0", cores=cores, rounds=max(rounds, 2))
    runs = len(_RATES) * _SEEDS
    named = f"{runs} runs of {updates} updates, {recipe.size}, {recipe.length} positions"
    return [
        Figure.of("Study", f"{named}: ablate, to the end", two, unit="s"),
        ratio("Study", f"{named}: time of Trainer processes over ablate's", peers, two),
        ratio("Study", f"{named}: one process of {cores} threads over {cores} of one", one, two, target=">= 1.25"),
        Figure.of("Study", "a finished run in a sweep, skipped", skipping, unit="s", target="<= 0.2"),
    ]


def _skipping(study: Study, root: Path, *, cores: int, rounds: int) -> list[float]:
    """Seconds per finished run: of passing over all of them, less those of passing over half."""
    found = []
    for _ in range(rounds):
        all_of_them = study.ours(root, jobs=cores, threads=1)
        half = study.ours(root, jobs=cores, threads=1, seeds=_SEEDS // 2)
        found.append(max(all_of_them - half, 0.0) / (len(_RATES) * (_SEEDS - _SEEDS // 2)))
    return found


def overhead(recipe: Recipe, *, rounds: int) -> list[Figure]:
    """--help, and a run of one update without evaluation, from start to exit: an upper bound of start to first step."""
    one_update = [*Study(recipe, 1).overrides(), "eval=none"]
    helps, starts = [], []
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        for turn in range(rounds + 1):
            helped = python(["-m", "ablate", "--help"], cwd=scratch).seconds
            started = first_step(one_update, scratch / str(turn))
            if turn:  # the first one warms caches
                helps.append(helped)
                starts.append(started)
    return [
        Figure.of("Overhead", "--help", helps, unit="s", target="<= 1.5"),
        Figure.of("Overhead", "process start to the end of the first step", starts, unit="s", target="<= 6"),
    ]


def first_step(overrides: list[str], root: Path) -> float:
    """Seconds from the start of the process until its first update is logged."""
    root.mkdir()
    started = time.time()
    python(["-m", "ablate", *overrides, f"hydra.run.dir={root}", "trainer.log_every=1"], cwd=root)
    (curve,) = root.rglob("metrics.csv")
    return curve.stat().st_mtime - started
