"""One run as people make them with Hugging Face's Trainer: a process that loads, trains and evaluates.

python -m benchmarks.peer_run FILE TOKENIZER FOLDER --config config.json --length 64 --batch 32 --steps 100 --lr 1e-3
"""

import argparse
import math
from pathlib import Path

from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    DataCollatorForLanguageModeling,
    Trainer,
    TrainingArguments,
)

from benchmarks.run_mlm import blocks


def main() -> None:
    """Load (from the datasets cache after the first run), train, evaluate, print the perplexity."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("file", "tokenizer", "folder", "--config"):
        made.add_argument(name, type=Path)
    for name in ("--length", "--batch", "--steps", "--seed"):
        made.add_argument(name, type=int, default=0)
    made.add_argument("--lr", type=float, default=1e-3)
    given = made.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(given.tokenizer)
    parts = blocks(given.file, tokenizer, given.folder / "datasets", length=given.length)
    split = parts.train_test_split(test_size=min(0.05, 512 / len(parts)), seed=0)
    arguments = TrainingArguments(
        output_dir=str(given.folder / f"run-{given.seed}-{given.lr:g}"), seed=given.seed, use_cpu=True,
        per_device_train_batch_size=given.batch, max_steps=given.steps, learning_rate=given.lr, report_to=[],
        disable_tqdm=True,
    )  # fmt: skip
    trainer = Trainer(
        BertForMaskedLM(BertConfig.from_json_file(given.config)), arguments, train_dataset=split["train"],
        eval_dataset=split["test"], data_collator=DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15),
    )  # fmt: skip
    trainer.train()
    print(f"perplexity {math.exp(trainer.evaluate()['eval_loss']):.2f}")
    trainer.save_model()


if __name__ == "__main__":
    main()
