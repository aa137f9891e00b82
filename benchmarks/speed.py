"""Every comparison of ablate's speed with its peers, in one table: make bench, or python -m benchmarks.speed --help.

Needs `pip install .[bench]`. Measurements are made in turns; a machine that does other things makes them wide.
"""

import argparse
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import distillation_step, preparation, pretraining_step, report_time, short_sentences, whole_study
from benchmarks.figures import Figure, circumstances, row, write
from benchmarks.recipes import Recipe

_PUBLISHED_VOCABULARY = 30522  # BERT's


def plan(arguments: argparse.Namespace, root: str) -> dict[str, Callable[[], list[Figure]]]:
    """The benchmarks by name."""
    full, threads = arguments.full, arguments.threads
    rounds = arguments.rounds or (5 if full else 3)
    data = tuple(arguments.data)
    mini = Recipe(root=root, data=data)
    updates = 9 if full else 4
    cores = os.cpu_count() or 1

    def pretraining() -> list[Figure]:
        asked = [
            Recipe(root=root, data=data, dropout=dropout, vocabulary=rows)
            for rows in (None, 8192, _PUBLISHED_VOCABULARY) for dropout in (0.1, 0.0)
        ]  # fmt: skip
        asked += [Recipe(root=root, data=data, size=size) for size in (("tiny", "small", "base") if full else ())]
        return [
            figure for recipe in asked
            for figure in pretraining_step.compare(recipe, updates=updates, rounds=rounds, threads=threads)
        ]  # fmt: skip

    def base() -> list[Figure]:
        recipe = Recipe(root=root, data=data, size="base", dropout=0.0, vocabulary=_PUBLISHED_VOCABULARY)
        return pretraining_step.compare(
            recipe, updates=2, rounds=2, threads=threads, peers=False, benchmark="Pretraining, base"
        )

    def report() -> list[Figure]:
        seconds = [report_time.measure(12, 10).wall for _ in range(rounds if full else 1)]
        return [Figure.of("Report", "a report of 12 arms x 10 seeds", seconds, unit="s", target="<= 15")]

    return {
        "machine": lambda: pretraining_step.machine(threads=threads),
        "pretraining": pretraining,
        "base": base,
        "distillation": lambda: distillation_step.compare(mini, updates=updates, rounds=rounds, threads=threads),
        "finetuning": lambda: short_sentences.compare(
            mini, glue=arguments.glue, rows=2000 if full else 400, rounds=rounds, threads=threads
        ),
        "preparation": lambda: preparation.compare(
            mini, sizes=(16, 64) if full else (4, 16), rounds=rounds if full else 2
        ),
        "study": lambda: whole_study.compare(
            Recipe(root=root, data=data, size="mini_l2", length=64), updates=300 if full else 50,
            rounds=rounds if full else 1, cores=cores,
        ),
        "overhead": lambda: whole_study.overhead(Recipe(root=root, data=data, size="mini_l2", length=64), rounds=3),
        "report": report,
    }  # fmt: skip


def main() -> None:
    """Run what was asked for, printing rows as they come; write the table."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--full", action="store_true", help="more sizes, rounds and text: about an hour")
    made.add_argument("--only", nargs="+", metavar="NAME", help="some of the benchmarks")
    made.add_argument("--data", nargs="+", default=[], metavar="OVERRIDE", help="which text, say data=text data.path=F")
    made.add_argument("--glue", help="a folder with GLUE's sst2; default: short sentences of the corpus")
    made.add_argument("--threads", type=int, default=1, help="threads of each side (default: 1)")
    made.add_argument("--rounds", type=int, help="rounds of each comparison")
    made.add_argument("--out", type=Path, default=Path("reports/speed"))
    arguments = made.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as root:
        benchmarks = plan(arguments, root)
        unknown = sorted(set(arguments.only or ()) - set(benchmarks))
        if unknown:
            made.error(f"--only {unknown[0]}: must be any of {', '.join(benchmarks)}")
        about = circumstances(threads=arguments.threads)
        failed = []
        for name in arguments.only or benchmarks:
            started = time.perf_counter()
            try:
                found = benchmarks[name]()
            except RuntimeError as error:  # of one side; the other benchmarks are still wanted
                failed.append(name)
                print(f"{name} failed: {error}", file=sys.stderr)
                continue
            write(found, about, arguments.out)
            print("\n".join(row(figure.record()) for figure in found))
            print(f"({name}: {time.perf_counter() - started:.0f} s)", flush=True)
    print(f"written to {arguments.out}")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
