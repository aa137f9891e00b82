"""What pretraining is worth on a task: a run against its own starting weights, and against a bag of words.

    python benchmarks/pretraining_gain.py RUN TASK --out reports/downstream [overrides of ablate.finetune]

Writes `<out>/<task>.csv` (or `<out>/<name>.csv`): a row per model and fine-tuning seed, with the baselines as rows of
their own. With `--jobs 2` both models are fine-tuned at the same time.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import transformers
from torch import nn
from transformers import AutoConfig

from ablate.config.standalone import run_config
from ablate.data.hashing import stream
from ablate.models.folder import TOKENIZER_FILES, model_folder
from ablate.models.init import by_name


def starting_weights(run: Path, folder: Path) -> None:
    """Write the model as the run began with it: the same architecture, initialised by the same stream."""
    trained, config = model_folder(run), run_config(run)
    architecture = AutoConfig.from_pretrained(trained)
    model = getattr(transformers, architecture.architectures[0])(architecture)
    named_as_in_training = nn.ModuleDict({"pretraining": model})
    seed = stream(config["seed"], "initialisation", replicate=config["replicate"])
    by_name(named_as_in_training, std=config["init"]["std"], seed=seed)
    model.save_pretrained(folder)
    for name in TOKENIZER_FILES:
        shutil.copyfile(trained / name, folder / name)


def scores(model: Path, task: str, out: Path, overrides: list[str]) -> dict[str, float]:
    """The metrics that ablate.finetune leaves for a folder."""
    command = [sys.executable, "-m", "ablate.finetune", f"model={model}", f"task={task}", f"out={out}", *overrides]
    subprocess.run(command, check=True)
    return json.loads((out / "downstream.json").read_text())["metrics"]


def rows(name: str, task: str, metrics: dict[str, float]) -> list[dict[str, object]]:
    """One row per score: model, metric, fine-tuning seed (empty for the probe and the baselines), value."""
    found = []
    for key, value in metrics.items():
        metric, _, kind = key.rpartition("/ft-")
        if metric:
            found.append({"model": name, "metric": metric, "finetuning_seed": int(kind), "value": value})
        elif key.startswith("probe/") and key.count("/") == 2:
            found.append({"model": name, "metric": key, "finetuning_seed": "", "value": value})
        elif key.endswith(("/majority", "/bag_of_words")) and key.startswith(f"{task}/"):
            metric, _, baseline = key.rpartition("/")
            found.append({"model": baseline, "metric": metric, "finetuning_seed": "", "value": value})
    return found


def main() -> None:
    """Fine-tune both, write the table, print means and spread."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("run", type=Path)
    made.add_argument("task")
    made.add_argument("--out", type=Path, default=Path("reports/downstream"))
    made.add_argument("--name", help="of the table (default: the task's)")
    made.add_argument("--jobs", type=int, default=1)
    made.add_argument("overrides", nargs="*")
    arguments = made.parse_intermixed_args()
    found = []
    with tempfile.TemporaryDirectory() as scratch:
        untrained = Path(scratch) / "untrained"
        starting_weights(arguments.run, untrained)
        models = {"pretrained": model_folder(arguments.run), "not pretrained": untrained}
        with ThreadPoolExecutor(arguments.jobs) as pool:
            measured = {
                name: pool.submit(scores, folder, arguments.task, Path(scratch) / name, arguments.overrides)
                for name, folder in models.items()
            }
        for name, of_model in measured.items():
            found += rows(name, arguments.task, of_model.result())
    table = pd.DataFrame(found).drop_duplicates()
    arguments.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(arguments.out / f"{arguments.name or arguments.task}.csv", index=False)
    print(table.groupby(["metric", "model"])["value"].agg(["mean", "median", "std", "count"]).round(4).to_string())


if __name__ == "__main__":
    main()
