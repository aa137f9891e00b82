"""BERT-base's shape against DistilBERT's: parameters, and latency at batch 1 measured in turns on this machine.

    python benchmarks/base_vs_distil.py --out reports/downstream --threads 1

DistilBERT (Sanh et al. 2019, table 3) publishes 110 M and 66 M parameters and 668 s against 410 s: a ratio of 1.63.
Weights are random: neither size nor speed depends on them. Writes `<out>/efficiency.csv`.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tokenizers import Tokenizer
from tokenizers.models import BPE
from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel

from ablate.evaluation.efficiency import latency
from ablate.evaluation.subject import Subject
from ablate.models.folder import load_encoder, stored_parameters
from ablate.training.precision import Precision

PUBLISHED = 668 / 410


def main() -> None:
    """Measure in turns, write, print the ratios."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--out", type=Path, default=Path("reports/downstream"))
    made.add_argument("--threads", type=int, default=1)
    made.add_argument("--rounds", type=int, default=3)
    made.add_argument("--lengths", type=int, nargs="+", default=[32, 128])
    arguments = made.parse_args()
    torch.set_num_threads(arguments.threads)
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        folders = {"bert_base": Path(scratch) / "base", "distilbert": Path(scratch) / "distil"}
        BertModel(BertConfig()).save_pretrained(folders["bert_base"])
        DistilBertModel(DistilBertConfig()).save_pretrained(folders["distilbert"])
        models = {name: load_encoder(folder, attention="sdpa") for name, folder in folders.items()}
        precisions: tuple[Precision, ...] = ("32-true", "bf16-mixed")
        for turn in range(arguments.rounds):
            for precision in precisions:
                for length in arguments.lengths:
                    for name, model in models.items():
                        subject = Subject(model, Tokenizer(BPE()), 0, length, torch.device("cpu"), precision)
                        figures = latency(subject, length=length, vocabulary=30522)
                        found.append({
                            "model": name, "params": stored_parameters(folders[name])[0], "precision": precision,
                            "length": length, "round": turn, **figures,
                        })  # fmt: skip
    table = pd.DataFrame(found)
    arguments.out.mkdir(parents=True, exist_ok=True)
    table.drop(columns="latency_ms/length").to_csv(arguments.out / "efficiency.csv", index=False)
    ratios = table.pivot_table(index=["precision", "length", "round"], columns="model", values="latency_ms")
    ratios["ratio"] = ratios["bert_base"] / ratios["distilbert"]
    print(table.groupby("model")["params"].first().to_string())
    print(ratios.groupby(["precision", "length"])["ratio"].agg(["median", "min", "max"]).round(3).to_string())
    print(f"published: {PUBLISHED:.2f}; all rounds: {float(np.median(ratios['ratio'])):.2f}")


if __name__ == "__main__":
    main()
