"""`python -m ablate.measure model=<run, Hugging Face folder or size>`: parameters, FLOPs, latency, memory."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ablate.command import Parser, check_writable, config_dirs, main, parser, take

if TYPE_CHECKING:
    import torch
    from rich.table import Table

ROWS = {
    "params": ("parameters", "{:,.0f}"),
    "params_no_embeddings": ("parameters without embeddings", "{:,.0f}"),
    "forward_flops_per_token": ("FLOPs per token, forward pass of the encoder", "{:.3g}"),
    "disk_mb": ("weights on disk", "{:,.1f} MB"),
    "latency_ms": ("latency, one input (median)", "{:.2f} ms"),
    "latency_ms/q10": ("  10 % quantile", "{:.2f} ms"),
    "latency_ms/q90": ("  90 % quantile", "{:.2f} ms"),
    "throughput_examples_per_s": ("throughput, 32 inputs at once", "{:,.1f} inputs/s"),
    "peak_memory_mb": ("peak memory, process and libraries included", "{:,.0f} MB"),
    "latency_ms/length": ("tokens per input", "{:.0f}"),
    "latency_ms/threads": ("threads", "{:.0f}"),
}


def build_parser() -> Parser:
    """The command's arguments."""
    return parser(
        "ablate.measure",
        "Measures an encoder on this machine: size, FLOPs, latency at batch 1 and throughput at batch 32 after a "
        "warm-up. A run's result.json gains the figures.",
        examples="  python -m ablate.measure model=outputs/adhoc/bert/seed-0\n"
        "  python -m ablate.measure model=my-bert length=64 trainer.threads=1\n"
        "  python -m ablate.measure model=base model.layers=6\n"
        "keys: model, length, vocabulary (of a size), trainer.{threads,precision,accelerator}, out (a json file)",
    )


def measure(arguments: argparse.Namespace) -> int:
    """Compose, load, measure, print."""
    from rich.console import Console

    from ablate.config.compose import compose_jobs
    from ablate.config.standalone import folder_to_measure, size_to_measure
    from ablate.evaluation.efficiency import measured
    from ablate.models.folder import is_model
    from ablate.runs.record import write_json
    from ablate.runs.trained import trained_folder
    from ablate.training.fit import choose_device
    from ablate.training.quiet import quieten

    quieten()
    model, overrides = take(arguments.overrides, "model")
    of_model = [text for text in overrides if text.startswith("model.")]
    rest = [text for text in overrides if text not in of_model]
    folders = config_dirs(arguments)
    cfg = compose_jobs(rest, config_dirs=folders, config_name="measure")[0].cfg
    path = Path(model).expanduser()
    if cfg.out:
        check_writable(Path(cfg.out).parent, key="out")
    if is_model(path):
        folder, _ = trained_folder(path)
        found = measured(folder_to_measure(cfg, folder), folder, length=cfg.length)
        _keep_in_run(path, found, choose_device(cfg.trainer.accelerator))
    else:
        found = measured(size_to_measure(cfg, model, of_model, config_dirs=folders), None, length=cfg.length)
    if cfg.out:
        write_json(Path(cfg.out), found)
    Console(highlight=False).print(_table(found, title=model))
    return 0


def _keep_in_run(path: Path, found: dict[str, float], device: "torch.device") -> None:
    """Add the speed to a run's record; its parameters are there already."""
    from ablate.evaluation.efficiency import PART, SPEED
    from ablate.runs.directory import PROVENANCE, held, note_session
    from ablate.runs.record import read_result, write_result

    if not (path / "result.json").is_file():
        return
    with held(path):
        record = read_result(path)
        assert record is not None
        if (path / PROVENANCE).is_file():
            note_session(path, device)
        speed = {name: value for name, value in found.items() if name in SPEED}
        write_result(path, record.answered(record.metrics | speed, {PART: record.evaluations.get(PART, "1")}))


def _table(found: Mapping[str, float], *, title: str) -> "Table":
    from rich.table import Table

    table = Table(title=title, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, (label, shape) in ROWS.items():
        if name in found:
            table.add_row(label, shape.format(found[name]))
    return table


if __name__ == "__main__":
    main(measure, build_parser())
