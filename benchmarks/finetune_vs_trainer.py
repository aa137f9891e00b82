"""Our fine-tuning against Hugging Face's Trainer: the same folder, examples, settings and seeds.

    pip install accelerate
    python benchmarks/finetune_vs_trainer.py FOLDER --glue GLUE --out reports/downstream

Both start from the folder's encoder without its pooler, so that both draw a fresh one. Runs alternate, one thread.
Writes `<out>/finetune_vs_trainer.csv`: a row per implementation and seed with accuracy and examples per second.
"""

import argparse
import logging
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy import stats
from tokenizers import Tokenizer
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
from ablate.evaluation.finetuning import finetune, predict, side
from ablate.evaluation.subject import Subject
from ablate.evaluation.tables import table_task
from ablate.evaluation.tasks import Task, TaskData
from ablate.models.bert import attention_for
from ablate.models.folder import load_encoder, load_tokenizer, model_folder
from ablate.training.precision import resolve

CPU = torch.device("cpu")


def sst2(glue: Path, *, train: int, epochs: int, rate: float) -> Task:
    """SST-2 with one learning rate."""
    return table_task(
        name="sst2", kind="classification", path=str(glue), config="sst2", text=["sentence"],
        labels=["negative", "positive"], metrics=["accuracy"], tests={"sst2": "validation"}, max_train=train,
        max_length=64, finetuning={"learning_rates": [rate], "epochs": epochs},
    )  # fmt: skip


def without_pooler(source: Path, folder: Path) -> None:
    """The encoder's folder without a pooler, and its tokenizer."""
    AutoModel.from_pretrained(source, add_pooling_layer=False).save_pretrained(folder)
    (folder / "tokenizer.json").write_bytes((source / "tokenizer.json").read_bytes())


def ours(folder: Path, task: Task, data: TaskData, seed: int) -> dict[str, float]:
    """One seed of ablate's fine-tuning."""
    tokenizer, pad = load_tokenizer(folder, vocabulary=10**9)
    model = load_encoder(folder, attention=attention_for(64, CPU))
    subject = Subject(model, tokenizer, pad, 64, CPU, resolve("auto", CPU))
    train = side(subject, task, pd.concat([data.train, data.development]))
    stream = int(mix(finetuning_stream(0), seed))
    rate = task.recipe.learning_rates[0]
    tuned = finetune(subject, task, train, learning_rate=rate, stream=stream, development=None)
    frame = data.tests["sst2"]
    given = predict(tuned.subject, tuned.head, task, side(subject, task, frame))
    return {
        "accuracy": float((given.predictions == frame["label"]).mean()),
        "examples_per_s": tuned.examples / tuned.seconds,
    }


def theirs(folder: Path, task: Task, data: TaskData, seed: int, *, sampling: str) -> dict[str, float]:
    """One seed of the Trainer with the same settings."""
    model = AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=2, attn_implementation=attention_for(64, CPU)
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_file(str(folder / "tokenizer.json")), pad_token="[PAD]"
    )
    recipe = task.recipe
    arguments = TrainingArguments(
        output_dir=tempfile.mkdtemp(), seed=seed, use_cpu=True, bf16=resolve("auto", CPU) == "bf16-mixed",
        per_device_train_batch_size=recipe.batch, per_device_eval_batch_size=64, num_train_epochs=recipe.epochs,
        learning_rate=recipe.learning_rates[0], warmup_steps=recipe.warmup, weight_decay=recipe.weight_decay,
        adam_epsilon=1e-6, max_grad_norm=recipe.clip, lr_scheduler_type="linear", save_strategy="no",
        report_to=[], disable_tqdm=True, logging_strategy="no", train_sampling_strategy=sampling,
    )  # fmt: skip
    train = _rows(tokenizer, pd.concat([data.train, data.development]))
    trainer = Trainer(model, arguments, train_dataset=train, data_collator=DataCollatorWithPadding(tokenizer))
    started = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - started
    frame = data.tests["sst2"]
    logits = np.asarray(trainer.predict(_rows(tokenizer, frame)).predictions)
    return {
        "accuracy": float((logits.argmax(1) == frame["label"].to_numpy()).mean()),
        "examples_per_s": recipe.epochs * len(train) / seconds,
    }


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
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        without_pooler(model_folder(arguments.folder), folder)
        for seed in range(arguments.seeds):
            for name, figures in (
                ("ablate", ours(folder, task, data, seed)),
                ("Trainer", theirs(folder, task, data, seed, sampling="random")),
                ("Trainer, grouped by length", theirs(folder, task, data, seed, sampling="group_by_length")),
            ):
                found.append({"implementation": name, "seed": seed, **figures})
                print(found[-1], flush=True)
    table = pd.DataFrame(found)
    arguments.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(arguments.out / "finetune_vs_trainer.csv", index=False)
    print(table.groupby("implementation")[["accuracy", "examples_per_s"]].agg(["mean", "std"]).round(4).to_string())
    by_name = table.groupby("implementation")["accuracy"].apply(list)
    for name in ("Trainer", "Trainer, grouped by length"):
        p = stats.ttest_ind(by_name["ablate"], by_name[name], equal_var=False).pvalue
        print(f"ablate - {name}: Welch p = {p:.2f}")


if __name__ == "__main__":
    main()
