"""From a composed config to the downstream questions and the encoder that they are put to."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, ListConfig, OmegaConf
from tokenizers import Tokenizer

from ablate.config.build import build_evaluation, build_metrics, make
from ablate.config.science import digest
from ablate.config.values import is_number
from ablate.data.corpus import Corpus
from ablate.errors import UserError
from ablate.evaluation.distillation import Distillation
from ablate.evaluation.downstream import Questions, finetuning_stream
from ablate.evaluation.means import EMBEDDED
from ablate.evaluation.run import Asked
from ablate.evaluation.subject import Subject
from ablate.evaluation.tasks import HeldOutText, Task
from ablate.models.encoder import Encoder
from ablate.runs.trained import trained_folder
from ablate.training.precision import Precision

DISTILLATION = ("teacher", "temperature", "alpha")  # keys of `finetuning` that are not the recipe's


def build_asked(cfg: DictConfig, corpus: Corpus, precision: Precision) -> Asked:
    """Everything that `eval` asks of a run.

    Raises:
        UserError: a task that cannot be made of its config.
    """
    return Asked(
        mlm=build_evaluation(cfg, corpus, precision), mlm_id=mlm_id(cfg, fingerprint=corpus.fingerprint),
        questions=build_questions(cfg, corpus), efficiency=bool(cfg.eval.get("efficiency", False)),
        own=build_metrics(cfg),
    )  # fmt: skip


def check_questions(cfg: DictConfig) -> None:
    """Make the tasks and read the settings of fine-tuning, so that a mistake is said before anything is trained.

    Raises:
        UserError: as `build_tasks`, `finetuning_seeds` and `build_distillation`.
    """
    build_tasks(cfg.eval.get("tasks"), cfg.eval.get("finetuning"), only=cfg.eval.get("only"), key="eval")
    finetuning_seeds(cfg.eval)
    build_distillation(cfg.eval.get("finetuning"))


def mlm_id(cfg: DictConfig, *, fingerprint: str) -> str:
    """Identifies the held-out MLM questions."""
    plain = OmegaConf.to_container(cfg.eval, resolve=True)
    assert isinstance(plain, dict)
    keys = ("formats", "chars", "chars_per_document", "format_chars", "length")
    return digest({"mlm": {key: plain[key] for key in keys}, "fingerprint": fingerprint})


def build_questions(cfg: DictConfig, corpus: Corpus) -> Questions | None:
    """What `eval` asks of a run beside MLM; None where it asks nothing.

    Raises:
        UserError: a task that cannot be made of its config.
    """
    tasks = build_tasks(cfg.eval.get("tasks"), cfg.eval.get("finetuning"), only=cfg.eval.get("only"), key="eval")
    seeds, probe = finetuning_seeds(cfg.eval), bool(cfg.eval.get("probe", False))
    if not tasks or not (seeds or probe):
        return None
    held_out = HeldOutText(make(cfg, "data")(), Path(cfg.cache), corpus.fingerprint)
    return Questions(
        tasks=tasks, probe=probe, seeds=seeds, stream=finetuning_stream(cfg.seed, replicate=cfg.replicate),
        held_out=held_out, cache=Path(cfg.cache), distillation=build_distillation(cfg.eval.get("finetuning")),
    )  # fmt: skip


def build_subject(model: Encoder, cfg: DictConfig, corpus: Corpus, precision: Precision) -> Subject:
    """A run's model as what is evaluated: inputs of at most `eval.length` tokens, which all arms share."""
    tokenizer = Tokenizer.from_file(str(corpus.tokenizer_path / "tokenizer.json"))
    device: torch.device = next(model.parameters()).device
    return Subject(model, tokenizer, corpus.vocabulary.pad, cfg.eval.length, device, precision)


def finetuning_seeds(node: DictConfig) -> int:
    """How many fine-tuning seeds; 0 for none.

    Raises:
        UserError: not a whole number from 0.
    """
    seeds = (node.get("finetuning") or {}).get("seeds", 0)
    if not isinstance(seeds, int) or isinstance(seeds, bool) or seeds < 0:
        raise UserError(f"finetuning.seeds={seeds}: must be a whole number from 0")
    return seeds


def build_distillation(node: DictConfig | None) -> Distillation | None:
    """The teacher of fine-tuning, where `finetuning.teacher` names a run or a Hugging Face folder.

    Raises:
        UserError: there is no model, or temperature or alpha is out of range.
    """
    if node is None or node.get("teacher") is None:
        return None
    given = {key: node[key] for key in DISTILLATION if node.get(key) is not None}
    teacher = given.pop("teacher")
    folder, _ = trained_folder(Path(str(teacher)).expanduser(), key="finetuning.teacher")
    for name, value in given.items():
        if not is_number(value):
            raise UserError(f"finetuning.{name}={value}: must be a number")
    return Distillation(folder=folder, **{name: float(value) for name, value in given.items()})


def build_tasks(
    nodes: DictConfig | None, finetuning: DictConfig | None, *, only: Any = None, key: str
) -> tuple[Task, ...]:
    """Tasks from their configs, in the order of their names; `finetuning` overrides their recipes where not null.

    Raises:
        UserError: an unknown name in `only`, a wrong key, or a setting that does not fit.
    """
    for name, value in ((f"{key}.tasks", nodes), (f"{key}.finetuning", finetuning)):
        if value is not None and not isinstance(value, DictConfig):
            raise UserError(f"{name}={value}: must be a group of keys")
    if only is not None and not isinstance(only, ListConfig):
        raise UserError(f"{key}.only={only}: must be a list of tasks, such as [topic], or null for all")
    named = {str(name): node for name, node in (nodes or {}).items()}
    for name, node in named.items():
        if not isinstance(node, DictConfig):
            raise UserError(
                f"{key}.tasks.{name}={node}: must be a task; /task@tasks.{name}=... names a file of conf/task"
            )
    for name in only or ():
        if name not in named:
            raise UserError(f"{key}.only={name}: no such task here; tasks are {', '.join(named)}")
    overrides: dict[str, Any] = dict(OmegaConf.to_container(finetuning, resolve=True) if finetuning else {})  # type: ignore[arg-type]
    for name in ("seeds", *DISTILLATION):
        overrides.pop(name, None)
    chosen = [name for name in named if not only or name in only]
    return tuple(_with_recipe(build_task(named[name]), overrides) for name in sorted(chosen, key=_embedded_first))


def build_task(node: DictConfig) -> Task:
    """One task from its config."""
    try:
        return instantiate(node, _convert_="all")
    except InstantiationException as error:
        if isinstance(error.__cause__, UserError):
            raise error.__cause__ from error
        reason = str(error.__cause__ or error).split("\n")[0]
        raise UserError(f"task={node.get('name')}: {reason}") from error


def _with_recipe(task: Task, overrides: dict[str, Any]) -> Task:
    return replace(task, recipe=task.recipe.but(**overrides))


def _embedded_first(name: str) -> tuple[bool, str]:
    return name not in EMBEDDED, name
