"""Our fine-tuning against Hugging Face's Trainer: the same folder, examples, settings and seeds.

    pip install accelerate
    python benchmarks/finetune_vs_trainer.py FOLDER --glue GLUE --out reports/downstream

Both start from the folder's encoder without its pooler, so that both draw a fresh one. Runs alternate, one thread.
Writes `<out>/finetune_vs_trainer.csv`: a row per implementation and seed with accuracy and examples per second.

Seeds draw other heads, orders and dropout in each. First, therefore, a Trainer that is given ablate's head, order and
schedule, both without dropout and in float32: its logits for the test examples must be ablate's. `<out>/in_step.csv`
says how far apart they are.
"""

import argparse
import json
import logging
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import stats
from tokenizers import Tokenizer
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    DataCollatorWithPadding,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
)

from ablate.data.hashing import mix
from ablate.evaluation.downstream import finetuning_stream
from ablate.evaluation.encoding import epoch_batches
from ablate.evaluation.finetuning import Side, Tuned, finetune, outputs, predict, side
from ablate.evaluation.heads import STD, PooledHead
from ablate.evaluation.subject import Subject
from ablate.evaluation.tables import table_task
from ablate.evaluation.tasks import Recipe, Task, TaskData
from ablate.models.bert import attention_for
from ablate.models.folder import load_encoder, load_tokenizer, model_folder
from ablate.models.init import by_name
from ablate.training.precision import Precision, resolve
from ablate.training.schedules import linear

CPU = torch.device("cpu")


def sst2(glue: Path, *, train: int, epochs: int, rate: float, dropout: float | None = None) -> Task:
    """SST-2 with one learning rate; its head drops as the task's own file says, or at a rate."""
    return table_task(
        name="sst2", kind="classification", path=str(glue), config="sst2", text=["sentence"],
        labels=["negative", "positive"], metrics=["accuracy"], tests={"sst2": "validation"}, max_train=train,
        max_length=64,
        finetuning={"learning_rates": [rate], "epochs": epochs, "dropout": dropout},
    )  # fmt: skip


def without_pooler(source: Path, folder: Path) -> None:
    """The encoder's folder without a pooler, and its tokenizer."""
    AutoModel.from_pretrained(source, add_pooling_layer=False).save_pretrained(folder)
    (folder / "tokenizer.json").write_bytes((source / "tokenizer.json").read_bytes())


def without_dropout(folder: Path) -> None:
    """Change an encoder's folder to drop nothing."""
    config = json.loads((folder / "config.json").read_text())
    rates = dict.fromkeys(("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout"), 0.0)
    (folder / "config.json").write_text(json.dumps(config | rates))


def _subject(folder: Path, precision: Precision) -> Subject:
    tokenizer, pad = load_tokenizer(folder, vocabulary=10**9)
    return Subject(load_encoder(folder, attention=attention_for(64, CPU)), tokenizer, pad, 64, CPU, precision)


def _tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_file(str(folder / "tokenizer.json")), pad_token="[PAD]"
    )


def _arguments(recipe: Recipe, seed: int, **more: Any) -> TrainingArguments:
    return TrainingArguments(
        output_dir=tempfile.mkdtemp(), seed=seed, use_cpu=True, per_device_train_batch_size=recipe.batch,
        per_device_eval_batch_size=64, num_train_epochs=recipe.epochs, learning_rate=recipe.learning_rates[0],
        warmup_steps=recipe.warmup, weight_decay=recipe.weight_decay, adam_epsilon=1e-6, max_grad_norm=recipe.clip,
        lr_scheduler_type="linear", save_strategy="no", report_to=[], disable_tqdm=True, logging_strategy="no", **more,
    )  # fmt: skip


def _tuned(folder: Path, task: Task, data: TaskData, seed: int, precision: Precision) -> tuple[Tuned, Side, int]:
    """One seed of ablate's fine-tuning: its model, its examples and its stream."""
    subject = _subject(folder, precision)
    train = side(subject, task, pd.concat([data.train, data.development]))
    stream, rate = int(mix(finetuning_stream(0), seed)), task.recipe.learning_rates[0]
    return finetune(subject, task, train, learning_rate=rate, stream=stream, development=None), train, stream


def ours(folder: Path, task: Task, data: TaskData, seed: int) -> dict[str, float]:
    """One seed of ablate's fine-tuning."""
    tuned, _, _ = _tuned(folder, task, data, seed, resolve("auto", CPU))
    frame = data.tests["sst2"]
    given = predict(tuned.subject, tuned.head, task, side(tuned.subject, task, frame))
    return {
        "accuracy": float((given.predictions == frame["label"]).mean()),
        "examples_per_s": tuned.examples / tuned.seconds,
    }


def theirs(
    folder: Path, task: Task, data: TaskData, seed: int, *, sampling: str = "random", defaults: bool = False
) -> dict[str, float]:
    """One seed of the Trainer with the same settings; `defaults`: in float32 with the attention it chooses itself."""
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=2, attn_implementation=None if defaults else attention_for(64, CPU)
    )
    tokenizer, recipe = _tokenizer(folder), task.recipe
    bf16 = not defaults and resolve("auto", CPU) == "bf16-mixed"
    arguments = _arguments(recipe, seed, bf16=bf16, train_sampling_strategy=sampling)
    train = _rows(tokenizer, pd.concat([data.train, data.development]))
    trainer = Trainer(model, arguments, train_dataset=train, data_collator=DataCollatorWithPadding(tokenizer))
    started = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - started
    given = trainer.predict(_rows(tokenizer, data.tests["sst2"]))  # in its own order, where it groups by length
    return {
        "accuracy": float((np.asarray(given.predictions).argmax(1) == np.asarray(given.label_ids)).mean()),
        "examples_per_s": recipe.epochs * len(train) / seconds,
    }


class Follower(Trainer):
    """A Trainer that takes ablate's batches in ablate's order, at ablate's learning rates."""

    def __init__(self, *args: Any, batches: list[list[np.ndarray]], warmup: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.epochs, self.warmup = iter(batches), warmup

    def get_train_dataloader(self) -> DataLoader:
        """The batches of the coming epoch each time that it is gone through."""
        return DataLoader(self.train_dataset, batch_sampler=_Batches(self.epochs), collate_fn=self.data_collator)

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> LambdaLR:
        """In the middle of an update, as ablate has it, where the Trainer takes the beginning."""
        self.lr_scheduler = LambdaLR(
            optimizer or self.optimizer, lambda done: linear((done + 0.5) / num_training_steps, warmup=self.warmup)
        )
        return self.lr_scheduler


class _Batches:
    def __init__(self, epochs: Iterator[list[np.ndarray]]) -> None:
        self.epochs, self.coming = epochs, next(epochs)

    def __len__(self) -> int:
        return len(self.coming)

    def __iter__(self) -> Iterator[list[int]]:
        now, self.coming = self.coming, next(self.epochs, self.coming)  # the Trainer need not go to the very end
        for batch in now:
            yield batch.tolist()


def in_step(folder: Path, task: Task, data: TaskData, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits for the test examples, (examples, 2), from ablate and from a Follower; the folder must have no dropout."""
    tuned, train, stream = _tuned(folder, task, data, seed, "32-true")
    frame, recipe = data.tests["sst2"], task.recipe
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=2, attn_implementation=attention_for(64, CPU)
    )
    head = PooledHead(model.config.hidden_size, 2, dropout=0.0)
    by_name(head, std=STD, seed=int(mix(stream, 0)))
    model.bert.pooler.dense.load_state_dict(head.pooler.state_dict())
    model.classifier.load_state_dict(head.output.state_dict())
    tokenizer = _tokenizer(folder)
    batches = [
        epoch_batches(train.encoded.lengths, batch=recipe.batch, stream=stream, epoch=epoch)
        for epoch in range(recipe.epochs)
    ]
    follower = Follower(
        model, _arguments(recipe, seed), train_dataset=_rows(tokenizer, train.frame), batches=batches,
        warmup=recipe.warmup, data_collator=DataCollatorWithPadding(tokenizer),
    )  # fmt: skip
    follower.train()
    theirs = np.asarray(follower.predict(_rows(tokenizer, frame)).predictions)
    return outputs(tuned.subject, tuned.head, side(tuned.subject, task, frame)), theirs


def compare_in_step(folder: Path, glue: Path, *, train: int, epochs: int, rate: float) -> pd.DataFrame:
    """How far ablate's logits and a Follower's are apart on SST-2's test examples, beside how far they range."""
    task = sst2(glue, train=train, epochs=epochs, rate=rate, dropout=0.0)
    with tempfile.TemporaryDirectory() as scratch:
        bare = Path(scratch) / "bare"
        shutil.copytree(folder, bare)
        without_dropout(bare)
        mine, theirs = in_step(bare, task, task.data(None), 0)
    margins = [logits[:, 1] - logits[:, 0] for logits in (mine, theirs)]
    return pd.DataFrame(
        {"examples": [len(mine)], "largest_difference": [abs(mine - theirs).max()], "sd_of_margin": [margins[0].std()],
         "same_prediction": [((margins[0] > 0) == (margins[1] > 0)).mean()]}
    )  # fmt: skip


def _rows(tokenizer: Any, frame: pd.DataFrame) -> list[dict[str, Any]]:
    ids = tokenizer(frame["first"].tolist(), truncation=True, max_length=64)["input_ids"]
    return [
        {"input_ids": one, "labels": int(label), "length": len(one)}
        for one, label in zip(ids, frame["label"], strict=True)
    ]


def main() -> None:
    """Alternate, write, and test the difference of the means."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("folder", type=Path)
    made.add_argument("--glue", type=Path, required=True)
    made.add_argument("--out", type=Path, default=Path("reports/downstream"))
    made.add_argument("--seeds", type=int, default=5)
    made.add_argument("--train", type=int, default=3000)
    made.add_argument("--epochs", type=int, default=2)
    made.add_argument("--rate", type=float, default=3e-4)
    arguments = made.parse_args()
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    task = sst2(arguments.glue, train=arguments.train, epochs=arguments.epochs, rate=arguments.rate)
    data, found = task.data(None), []
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        without_pooler(model_folder(arguments.folder), folder)
        step = compare_in_step(
            folder, arguments.glue, train=arguments.train, epochs=arguments.epochs, rate=arguments.rate
        )
        step.to_csv(arguments.out / "in_step.csv", index=False)
        print(step.to_string(index=False), flush=True)
        for seed in range(arguments.seeds):
            for name, figures in (
                ("ablate", ours(folder, task, data, seed)),
                ("Trainer", theirs(folder, task, data, seed, sampling="random")),
                ("Trainer, grouped by length", theirs(folder, task, data, seed, sampling="group_by_length")),
            ):
                found.append({"implementation": name, "seed": seed, **figures})
                print(found[-1], flush=True)
    table = pd.DataFrame(found)
    table.to_csv(arguments.out / "finetune_vs_trainer.csv", index=False)
    print(table.groupby("implementation")[["accuracy", "examples_per_s"]].agg(["mean", "std"]).round(4).to_string())
    by_name = table.groupby("implementation")["accuracy"].apply(list)
    for name in ("Trainer", "Trainer, grouped by length"):
        p = stats.ttest_ind(by_name["ablate"], by_name[name], equal_var=False).pvalue
        print(f"ablate - {name}: Welch p = {p:.2f}")


if __name__ == "__main__":
    main()
