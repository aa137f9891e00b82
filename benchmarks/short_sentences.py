"""Fine-tuning on short labelled sentences against Hugging Face's Trainer: SST-2 where it is at hand, else like it.

Speed does not depend on what the labels say, so that sentences of the corpus with arbitrary labels will do.
"""

import tempfile
from itertools import islice
from pathlib import Path

import pandas as pd

from ablate.config import build
from ablate.data.sentences import split_sentences
from ablate.models.folder import save_folder
from ablate.training.memory import keep_freed_memory
from ablate.training.quiet import quieten
from benchmarks.figures import Figure, ratio
from benchmarks.finetune_vs_trainer import ours, sst2, theirs, without_pooler
from benchmarks.recipes import Recipe
from benchmarks.turns import Measure, Measured, Side, in_turns

_HELD_OUT = 64


def like_sst2(recipe: Recipe, folder: Path, *, rows: int) -> Path:
    """Sentences of 4 to 30 words in the files of GLUE's SST-2; returns the folder."""
    source = build.make(recipe.cfg, "data")()
    found = (
        document.text[start:end].replace("\n", " ")
        for document in source.documents() for start, end in split_sentences(document.text)
    )  # fmt: skip
    short = (sentence for sentence in found if 4 <= len(sentence.split()) <= 30)
    table = pd.DataFrame({"sentence": list(islice(short, rows + _HELD_OUT))})
    table["label"] = table.index % 2
    (folder / "sst2").mkdir(parents=True)
    table[:rows].to_parquet(folder / "sst2" / "train.parquet")
    table[rows:].to_parquet(folder / "sst2" / "validation.parquet")
    return folder


def side(recipe: Recipe, *, glue: str | None, rows: int, peer: bool, defaults: bool = True) -> Measure:
    """Fine-tuning the recipe's model from its initial values, by ablate or by the Trainer."""
    quieten()
    if not peer:
        keep_freed_memory()
    scratch = Path(tempfile.mkdtemp())
    task = sst2(Path(glue) if glue else like_sst2(recipe, scratch / "glue", rows=rows), train=rows, epochs=1, rate=3e-4)
    data = task.data(None)
    save_folder(
        recipe.model(), recipe.corpus.tokenizer_path, scratch / "model", token_types=False,
        length=recipe.cfg.input.length,
    )  # fmt: skip
    (scratch / "encoder").mkdir()
    without_pooler(scratch / "model", scratch / "encoder")

    def measure() -> Measured:
        if peer:
            return theirs(scratch / "encoder", task, data, 0, defaults=defaults)
        return ours(scratch / "encoder", task, data, 0)

    return measure


def compare(recipe: Recipe, *, glue: str | None, rows: int, rounds: int, threads: int) -> list[Figure]:
    """Examples per second, and ratios."""
    sides = {
        name: Side(side, {"recipe": recipe, "glue": glue, "rows": rows, **more})
        for name, more in {
            "ablate": {"peer": False}, "default": {"peer": True}, "tuned": {"peer": True, "defaults": False}
        }.items()
    }  # fmt: skip
    found = in_turns(sides, rounds=rounds, threads=threads)
    speed = {name: [one["examples_per_s"] for one in measured] for name, measured in found.items()}
    named = f"{recipe.size}, {'SST-2' if glue else 'short sentences'}"
    return [
        Figure.of("Fine-tuning", f"{named}: ablate", speed["ablate"], unit="examples/s"),
        ratio("Fine-tuning", f"{named}: against Trainer", speed["ablate"], speed["default"], target=">= 4"),
        ratio("Fine-tuning", f"{named}: against Trainer in bf16, eager", speed["ablate"], speed["tuned"]),
    ]
