"""`python -m ablate.show`: a decoded batch of an arm, and its diff against the baseline."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ablate.command import Parser, config_dirs, main, parser

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from rich.table import Table
    from rich.text import Text

    from ablate.data.batches import Batch
    from ablate.data.vocabulary import Vocabulary


def build_parser() -> Parser:
    """The command's arguments."""
    made = parser(
        "ablate.show", "Shows what an arm trains on: a decoded batch, and its diff against the baseline.",
        examples="  python -m ablate.show +exp=no_nsp\n  python -m ablate.show +exp=roberta scale=smoke --rows 2",
    )  # fmt: skip
    made.add_argument("--rows", type=int, default=4, help="sequences to show (default 4)")
    made.add_argument("--update", type=_whole, default=0, help="which update's batch (default 0, the first)")
    return made


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is no whole number from 0")
    return int(text)


def show(arguments: argparse.Namespace) -> int:
    """Compose, check, print."""
    from rich.console import Console

    from ablate.config.build import build_corpus, build_data
    from ablate.config.checks import check
    from ablate.config.compose import compose_one, without_hydra
    from ablate.config.reference import baseline_of

    folders = config_dirs(arguments)
    cfg = compose_one(arguments.overrides, config_dirs=folders)
    check(without_hydra(cfg), compose_one([], config_dirs=folders))
    console = Console(highlight=False)
    console.print(f"[bold]{cfg.arm.description}[/bold]\n{cfg.arm.source}\n")
    console.print(_difference(baseline_of(arguments.overrides, config_dirs=folders), cfg))
    corpus = build_corpus(cfg, Path(cfg.hydra.run.dir))
    cfg.trainer.accumulate = 1  # whole updates, in however many parts they are trained on
    batch = build_data(cfg, corpus).batches[arguments.update]
    console.print(_batch_line(batch, arguments.update))
    decode = _decoder(corpus.tokenizer_path)
    total = len(batch["input_ids"])
    shown = min(max(arguments.rows, 1), total)
    for row in (total * (2 * i + 1) // (2 * shown) for i in range(shown)):  # spread out: rows are sorted by length
        console.print(_row(batch, row, decode, corpus.vocabulary))
    return 0


def _difference(baseline: "DictConfig", cfg: "DictConfig") -> "Table | str":
    from rich.table import Table

    from ablate.config.science import difference, recipe

    changed = difference(recipe(baseline), recipe(cfg))
    if not changed:
        return "identical to the baseline\n"
    table = Table("key", "baseline", "this arm", title="diff against the baseline", title_justify="left")
    for key, (old, new) in changed.items():
        table.add_row(key, str(old), str(new))
    return table


def _batch_line(batch: "Batch", update: int) -> str:
    rows, width = batch["input_ids"].shape
    return (
        f"\nupdate {update}: {rows} sequences, {int(batch['tokens']):,} tokens in {rows} x {width} positions, "
        f"{len(batch['masked_labels']):,} masked; [reverse]input[/reverse]>label marks a masked position\n"
    )


def _decoder(folder: Path) -> "list[str]":
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return [tokenizer.id_to_token(i) or "?" for i in range(tokenizer.get_vocab_size())]


def _row(batch: "Batch", row: int, names: "list[str]", vocabulary: "Vocabulary") -> "Text":
    from rich.text import Text

    ids = batch["input_ids"][row].tolist()
    types = batch["token_type_ids"][row].tolist()
    width = len(ids)
    here = (batch["masked_positions"] // width == row).nonzero().flatten().tolist()
    labels = {int(batch["masked_positions"][i]) % width: int(batch["masked_labels"][i]) for i in here}
    real = [column for column, token in enumerate(ids) if token != vocabulary.pad]
    pair = {0: ", B continues A", 1: ", B is random", -1: ""}[int(batch["next_sentence_label"][row])]
    text = Text(f"sequence {row}: {len(real)} tokens, {len(labels)} masked{pair}\n", style="bold")
    for column in real:
        if column == 0 or types[column] != types[column - 1]:
            text.append(
                f"\n  token type {types[column]}: " if column else f"  token type {types[column]}: ", style="dim"
            )
        if column in labels:
            text.append(names[ids[column]], style="reverse")
            text.append(f">{names[labels[column]]} ", style="green")
        else:
            text.append(f"{names[ids[column]]} ", style="")
    return text.append("\n")


if __name__ == "__main__":
    main(show, build_parser())
