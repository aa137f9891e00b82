"""ablate.finetune and ablate.measure on Hugging Face folders, and one line with exit code 2 on bad input."""

import json
import shutil
import time

import pytest
from evaluation.keywords import keyword_frame


@pytest.fixture
def table(tmp_path):
    for split, seed in (("train", 1), ("test", 2)):
        frame = keyword_frame(80, seed=seed)
        frame.assign(label=frame["label"].map({0: "bad", 1: "good"})).to_csv(tmp_path / f"{split}.csv", index=False)
    return tmp_path


CUSTOM = (
    "task=custom", "task.train=train.csv", "task.tests.custom=test.csv", "task.text=[first]", "task.labels=[bad,good]",
    "finetuning.seeds=2", "finetuning.epochs=1", "finetuning.learning_rates=[1e-3]", "trainer.threads=1",
    "trainer.accelerator=cpu",
)  # fmt: skip


def test_a_users_own_table_on_a_folder(command, table, bert_folder):
    arguments = (f"model={bert_folder}", *CUSTOM, f"cache={table / 'cache'}", "out=scores")
    done = command(*arguments, module="ablate.finetune")
    assert done.returncode == 0, done.stderr
    kept = json.loads((table / "scores" / "downstream.json").read_text())
    assert {"custom/accuracy", "custom/accuracy/ft-1", "probe/custom/accuracy"} <= kept["metrics"].keys()
    assert (table / "scores" / "predictions" / "custom.parquet").exists()
    stamp = (table / "scores" / "predictions" / "custom.parquet").stat().st_mtime_ns
    again = command(*arguments, module="ablate.finetune")
    assert again.returncode == 0
    assert (table / "scores" / "predictions" / "custom.parquet").stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("model=/no/model", *CUSTOM), "model=/no/model: no such folder"),
        ((*CUSTOM,), "model: needs one value"),
        (("model=MODEL", *CUSTOM, "task.tests.custom=gone.csv"), "gone.csv: no such file"),
        (("model=MODEL", *CUSTOM, "task.labels=[no,yes]"), "not among task.labels no, yes"),
        (("model=MODEL", *CUSTOM, "length=999"), "length=999: must be from 8 to the 64 tokens"),
        (("model=MODEL", "task=sst3"), "task=sst3: no such option; nearest: sst2"),
        (("model=MODEL", *CUSTOM, "length=abc"), "length=abc: must be a whole number from 1"),
        (("model=MODEL", *CUSTOM, "trainer.threads=-1"), "trainer.threads=-1: must be a whole number from 1"),
        (("model=MODEL", *CUSTOM, "trainer.accelerator=foo"), "trainer.accelerator=foo: must be one of auto"),
        (("model=MODEL", *CUSTOM, "finetuning.learning_rates=abc"), "finetuning.learning_rates=abc: must be a list"),
        (("model=MODEL", *CUSTOM, "out=test.csv/x"), "out=test.csv/x: cannot be written"),
    ],
)
def test_a_mistake_is_one_line(answer, table, bert_folder, arguments, message):
    given = [text.replace("MODEL", str(bert_folder)) for text in arguments]
    done = answer(*given, f"cache={table / 'cache'}", module="ablate.finetune")
    assert done.returncode == 2, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("ablate: ")]
    assert message in lines[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("model=tiny", "length=abc"), "length=abc: must be a whole number from 1"),
        (("model=tiny", "vocabulary=3"), "vocabulary=3: must be a whole number from 5"),
        (("model=tiny", "model.layers=0"), "model.layers=0: must be a whole number from 1"),
        (("model=tiny", "out=test.csv/x.json"), "out=test.csv: cannot be written"),
    ],
)
def test_a_mistake_in_measuring_is_one_line(answer, table, arguments, message):
    done = answer(*arguments, module="ablate.measure")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1) and message in done.stderr


def test_scores_of_another_model_are_not_taken_for_this_ones(answer, table, bert_folder):
    """Two folders of one name would share a place by default."""
    other = table / "elsewhere" / bert_folder.name
    shutil.copytree(bert_folder, other)
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"layer_norm_eps": 1e-3}))
    probe = (*CUSTOM, "finetuning.seeds=0", f"cache={table / 'cache'}")
    assert answer(f"model={bert_folder}", *probe, module="ablate.finetune").returncode == 0
    for arguments, whose in (
        ((f"model={other}",), "another model"),
        ((f"model={bert_folder}", "seed=1"), "another seed"),
    ):
        done = answer(*arguments, *probe, module="ablate.finetune")
        assert done.returncode == 2 and f"holds the scores of {whose}" in done.stderr
    assert answer(f"model={other}", *probe, "out=other", module="ablate.finetune").returncode == 0


def test_measure_a_folder_and_a_size(command, tmp_path, bert_folder):
    done = command(f"model={bert_folder}", "length=16", "out=folder.json", "trainer.threads=1", module="ablate.measure")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "folder.json").read_text())
    width, inner, layers = 32, 64, 2
    assert found["forward_flops_per_token"] == layers * (8 * width**2 + 4 * width * 16 + 4 * width * inner)
    assert found["latency_ms/q10"] <= found["latency_ms"] <= found["latency_ms/q90"]
    assert found["disk_mb"] == pytest.approx((bert_folder / "model.safetensors").stat().st_size / 1e6)


@pytest.mark.parametrize("module", ["ablate.finetune", "ablate.measure"])
def test_help_is_quick(command, module):
    started = time.perf_counter()
    done = command("--help", module=module)
    assert done.returncode == 0
    assert "examples:" in done.stdout
    assert time.perf_counter() - started < 1.5
