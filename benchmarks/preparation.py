"""Preparing text for pretraining against datasets.map with run_mlm's grouping: MB per second and peak memory.

Each run is a process of its own on one thread, from a jsonl file to sequences, with a tokenizer that exists.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from ablate.config import build
from ablate.data.formats import full_sentences
from ablate.data.sources.text import TextFiles
from ablate.data.store import prepare
from ablate.data.tokenizers import Existing
from ablate.data.training import Streams, training_sequences
from ablate.training.fit import peak_memory_mb
from benchmarks.commands import python
from benchmarks.figures import Figure, ratio
from benchmarks.recipes import Recipe


def write_text(recipe: Recipe, file: Path, *, megabytes: float) -> float:
    """The recipe's first documents as jsonl; returns how many MB of text they are."""
    size = 0
    with file.open("w") as out:
        for document in build.make(recipe.cfg, "data")().documents():
            out.write(json.dumps({"text": document.text}) + "\n")
            size += len(document.text.encode())
            if size >= megabytes * 1e6:
                break
    return size / 1e6


def ours(file: Path, tokenizer: Path, cache: Path, *, length: int) -> None:
    """Read, split, cut into sentences, tokenise, pack."""
    corpus = prepare(TextFiles(path=str(file)), Existing(path=str(tokenizer)), cache=cache)

    def make(store: Any, documents: Any, *, seed: int) -> Any:
        return full_sentences(store, documents, length=length, seed=seed)

    training_sequences(corpus, make, describes="full", fraction=1.0, streams=Streams.of(0, 0), cache=cache)


def theirs(file: Path, tokenizer: Path, cache: Path, *, length: int) -> None:
    """datasets.map, twice."""
    from transformers import AutoTokenizer

    from benchmarks.run_mlm import blocks

    blocks(file, AutoTokenizer.from_pretrained(tokenizer), cache, length=length)


def compare(recipe: Recipe, *, sizes: tuple[float, float], rounds: int) -> list[Figure]:
    """Speed at the larger size, in turns, and how peak memory grows from the smaller to the larger."""
    measured: dict[str, list[dict[str, float]]] = {"ours": [], "theirs": []}
    small: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        files = [scratch / "small.jsonl", scratch / "large.jsonl"]
        found = [write_text(recipe, file, megabytes=size) for file, size in zip(files, sizes, strict=True)]
        for side in measured:
            small[side] = _run(side, files[0], recipe)["peak_mb"]
        for _ in range(rounds):
            for side, runs in measured.items():
                runs.append(_run(side, files[1], recipe))
    speed = {side: [found[1] / one["seconds"] for one in runs] for side, runs in measured.items()}
    named = f"{found[1]:.0f} MB of text"
    figures = [
        Figure.of("Data preparation", f"{named}: ablate, one core", speed["ours"], unit="MB/s", target=">= 2"),
        ratio("Data preparation", f"{named}: against datasets.map", speed["ours"], speed["theirs"]),
    ]
    for side, words in (("ours", "ablate"), ("theirs", "datasets.map")):
        peaks = [one["peak_mb"] for one in measured[side]]
        grown = [peak - small[side] for peak in peaks]
        figures.append(Figure.of("Data preparation", f"{named}: peak memory of {words}", peaks, unit="MB"))
        what = f"peak memory of {words}, {found[0]:.0f} to {found[1]:.0f} MB: growth"
        figures.append(Figure.of("Data preparation", what, grown, unit="MB"))
    return figures


def _run(side: str, file: Path, recipe: Recipe) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as cache:
        arguments = ["-m", "benchmarks.preparation", side, str(file), str(recipe.corpus.tokenizer_path), cache]
        return json.loads(python([*arguments, str(recipe.length)], cwd=file.parent, threads=1).output.splitlines()[-1])


def main() -> None:
    """One run, for its own process: prints seconds (imports left out) and peak memory as JSON."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("side", choices=["ours", "theirs"])
    made.add_argument("file", type=Path)
    made.add_argument("tokenizer", type=Path)
    made.add_argument("cache", type=Path)
    made.add_argument("length", type=int)
    given = made.parse_args()
    started = time.perf_counter()
    {"ours": ours, "theirs": theirs}[given.side](given.file, given.tokenizer, given.cache, length=given.length)
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "peak_mb": peak_memory_mb(torch.device("cpu"))}))


if __name__ == "__main__":
    main()
