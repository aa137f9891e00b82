"""`python -m ablate.finetune model=<run or Hugging Face folder> task=sst2`: downstream evaluation on its own."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ablate.command import Parser, check_writable, config_dirs, main, parser, take

if TYPE_CHECKING:
    from ablate.evaluation.downstream import Questions
    from ablate.evaluation.subject import Subject


def build_parser() -> Parser:
    """The command's arguments."""
    return parser(
        "ablate.finetune",
        "Probes and fine-tunes a finished run, or any Hugging Face encoder folder, on downstream tasks (conf/task). "
        "A run's result.json gains the scores; what it has already is not computed again.",
        examples="  python -m ablate.finetune model=outputs/adhoc/bert/seed-0 task=topic\n"
        "  python -m ablate.finetune model=my-bert task=sst2 task.path=glue finetuning.seeds=5\n"
        "  python -m ablate.finetune model=my-bert task=custom task.train=train.csv task.tests.custom=test.csv \\\n"
        "      'task.text=[review]' task.label=stars 'task.labels=[1,2,3,4,5]'\n"
        "  python -m ablate.finetune model=my-small-bert task=sst2 task.path=glue finetuning.teacher=my-bert\n"
        "keys: model, task.*, finetuning.{seeds,learning_rates,epochs,batch,warmup,weight_decay,\n"
        "  max_train,early_stopping,teacher,temperature,alpha}, probe, length, seed, out,\n"
        "  trainer.{threads,precision,accelerator}\n"
        "tasks: see conf/task",
    )


def finetune(arguments: argparse.Namespace) -> int:
    """Compose, load, ask, keep, print."""
    from rich.console import Console

    from ablate.config.compose import compose_jobs
    from ablate.config.standalone import standalone_questions, standalone_subject
    from ablate.evaluation.table import downstream_table
    from ablate.models.folder import content_of
    from ablate.runs.trained import trained_folder
    from ablate.training.quiet import quieten

    quieten()
    model, overrides = take(arguments.overrides, "model")
    cfg = compose_jobs(overrides, config_dirs=config_dirs(arguments), config_name="finetune")[0].cfg
    path = Path(model).expanduser()
    folder, record = trained_folder(path)
    run, trained = (None, None) if record is None else (path, folder.parent)
    asked, subject = standalone_questions(cfg, trained), standalone_subject(cfg, folder, trained)
    out = Path(cfg.out or Path("finetuned") / folder.resolve().name)
    if run is None:
        check_writable(out, key="out")
    who = {"model": content_of(folder), "seed": cfg.seed} if run is None else {}
    metrics = _outside(out, asked, subject, who) if run is None else _in_run(run, asked, subject)
    Console(highlight=False).print(downstream_table(metrics, title=str(path)) or "nothing was asked")
    return 0


def _in_run(path: Path, asked: "Questions", subject: "Subject") -> dict[str, float]:
    """Ask a run; its record grows by each answer as soon as it is there."""
    from ablate.data.cache import say
    from ablate.evaluation.downstream import keep_predictions, merge
    from ablate.runs.directory import held
    from ablate.runs.record import read_result, write_result

    with held(path):
        record = read_result(path)
        assert record is not None
        for part in asked.answer(subject, known=record.evaluations, notice=say):
            keep_predictions(part, path / "predictions")
            record = record.answered(merge(record.metrics, [part]), {part.name: part.id})
            write_result(path, record)
    return record.metrics


def _outside(out: Path, asked: "Questions", subject: "Subject", who: dict[str, object]) -> dict[str, float]:
    """Ask an encoder that is no run of ours; results go to `out`, which says whose they are."""
    from ablate.data.cache import say
    from ablate.evaluation.downstream import keep_outside_a_run, keep_predictions, known_outside_a_run, merge

    metrics, known = known_outside_a_run(out, who)
    for part in asked.answer(subject, known=known, notice=say):
        keep_predictions(part, out / "predictions")
        metrics, known = merge(metrics, [part]), {**known, part.name: part.id}
        keep_outside_a_run(out, who, metrics, known)
    return metrics


if __name__ == "__main__":
    main(finetune, build_parser())
