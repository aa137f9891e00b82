"""`python -m ablate.export <run> <dir>`: a finished run as a Hugging Face model folder with a card."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ablate.command import Parser, check_writable, config_dirs, main

if TYPE_CHECKING:
    from ablate.models.convert import Kind
    from ablate.runs.record import Record


def build_parser() -> Parser:
    """The command's arguments."""
    made = Parser(
        prog="python -m ablate.export",
        description="Writes a finished run as a Hugging Face model folder: weights as safetensors, config, tokenizer "
        "and a model card. Without --as the class is the one that fits: BERT where there are token types, RoBERTa "
        "with byte-level BPE, DistilBERT with WordPiece.",
        epilog="examples:\n  python -m ablate.export outputs/adhoc/bert/seed-0 my-bert\n"
        "  python -m ablate.export multirun/roberta/roberta/seed-0 my-roberta --as roberta",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    made.add_argument("run", type=Path, help="the run's directory")
    made.add_argument("dir", type=Path, help="where the folder is written")
    made.add_argument("--as", dest="kind", choices=("bert", "roberta", "distilbert"), help="which class")
    made.add_argument("--force", action="store_true", help="replace a model folder that is there already")
    made.add_argument("--config-dir", "-cd", type=Path, default=None, help="a folder with your own groups")
    return made


def export(arguments: argparse.Namespace) -> int:
    """Find, check, write whole or not at all."""
    from ablate.errors import UserError
    from ablate.models.convert import CannotHold
    from ablate.models.export import write_model
    from ablate.models.folder import whole
    from ablate.runs.trained import trained_folder
    from ablate.training.quiet import quieten

    quieten()
    run, destination = arguments.run.expanduser(), arguments.dir.expanduser()
    folder, record = trained_folder(run, key="run")
    if record is None:
        raise UserError(f"run={run}: a model folder, but not a run's directory, which says how it was trained")
    _check_destination(destination, run=folder.parent, force=arguments.force)
    check_writable(destination.parent, key="dir")
    try:
        with whole(destination) as part:
            kind = write_model(folder, part, kind=arguments.kind, key="run")
            text = _card(folder, record, kind, destination.resolve().name, config_dirs(arguments))
            (part / "README.md").write_text(text, encoding="utf-8")
    except CannotHold as error:
        raise UserError(f"--as {arguments.kind or 'the class that fits'}: {error}; --as bert holds it") from error
    print(f"{destination}: run {record.run_id} ({record.arm}, seed {record.seed}) as {kind}")
    return 0


def _check_destination(destination: Path, *, run: Path, force: bool) -> None:
    """Refuse to write over anything but a model folder, and over that without --force."""
    from ablate.errors import UserError

    here, source = destination.resolve(), run.resolve()
    if here.is_relative_to(source) or source.is_relative_to(here):
        raise UserError(f"dir={destination}: lies inside the run's own directory, or the run in it")
    if not here.exists() or (here.is_dir() and not any(here.iterdir())):
        return
    if not (here / "config.json").is_file():
        raise UserError(f"dir={destination}: holds other things than a model; choose another place")
    if not force:
        raise UserError(f"dir={destination}: holds a model already; --force replaces it")


def _card(folder: Path, record: "Record", kind: "Kind", name: str, folders: tuple[Path, ...]) -> str:
    from ablate.config.described import described
    from ablate.runs.card import Card, model_card
    from ablate.runs.directory import PROVENANCE

    return model_card(
        Card(
            record=record, recipe=described(folder.parent, key="run", config_dirs=folders),
            provenance=json.loads((folder.parent / PROVENANCE).read_text()), kind=kind, folder=name,
            mask=json.loads((folder / "tokenizer_config.json").read_text())["mask_token"],
        )
    )  # fmt: skip


if __name__ == "__main__":
    main(export, build_parser())
