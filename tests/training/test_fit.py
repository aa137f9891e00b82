"""Training as a whole: golden curve, resumes, workers, accumulation, evaluation grid, corrupt checkpoints."""

import json
import signal
from pathlib import Path

import pytest
import torch

from ablate.config.build import build_corpus, build_data
from ablate.config.compose import compose_one
from ablate.evaluation.kept import ANSWERS, keep_answers, read_answers
from ablate.evaluation.run import Known
from ablate.runs.curves import read_curves
from ablate.training.callbacks.checkpoint import LAST, PREVIOUS, KeepResumable
from ablate.training.callbacks.evaluate import crosses_grid
from ablate.training.callbacks.meter import Meter
from ablate.training.fit import newest_whole

GOLDEN = Path(__file__).parent / "golden_loss.json"
TIMES = ("train/seconds", "train/tokens_per_s", "train/peak_memory_mb")


class Killed(BaseException):
    """Stands for a kill: nothing of ours catches it."""


@pytest.fixture
def killed_after(monkeypatch):
    """Save a checkpoint after each update, and die after update `n`."""

    def arm(n):
        def on_train_batch_end(self, trainer, *rest):
            if trainer.global_step != self._seen:
                self.save(trainer)
            self._seen = trainer.global_step
            if trainer.global_step == n:
                raise Killed

        monkeypatch.setattr(KeepResumable, "on_train_batch_end", on_train_batch_end)

    return arm


def comparable(record):
    return {k: v for k, v in record.metrics.items() if k not in TIMES}


def same_model(one, other):
    name = "model/model.safetensors"
    return (one / name).read_bytes() == (other / name).read_bytes()


@pytest.mark.parametrize(
    "overrides", [(), ("trainer.accumulate=2", "trainer.workers=1", "trainer.log_every=5", "trainer.dropout_bits=64")]
)
def test_a_killed_run_ends_as_an_undisturbed_one(run_tiny, killed_after, monkeypatch, tmp_path, overrides):
    whole, there = run_tiny(*overrides, root=tmp_path / "whole")
    killed_after(7)
    with pytest.raises(Killed):
        run_tiny(*overrides, root=tmp_path / "killed")
    here = tmp_path / "killed" / there.relative_to(tmp_path / "whole")
    with (here / "metrics.csv").open("a") as file:
        file.write("9,1,1,2,3\n10,")  # rows of updates after the checkpoint, the last one half-written
    monkeypatch.undo()
    resumed, _ = run_tiny(*overrides, root=tmp_path / "killed")
    assert comparable(resumed) == comparable(whole)
    assert same_model(here, there)
    curves = [read_curves(folder / "metrics.csv").drop(columns="seconds") for folder in (here, there)]
    assert curves[0].equals(curves[1])
    assert "resuming from" in (here / "run.log").read_text()
    assert len(json.loads((here / "provenance.json").read_text())["sessions"]) == 2


@pytest.mark.parametrize(("before", "after"), [(1, 2), (4, 1)])
def test_a_resumed_run_may_accumulate_otherwise(run_tiny, killed_after, monkeypatch, tmp_path, before, after):
    """What helps after memory ran out: the same updates in smaller parts."""
    exact = ("trainer.precision=32-true", "model.dropout=0", "model.attention_dropout=0", "trainer.log_every=1")
    _, there = run_tiny(*exact, root=tmp_path / "whole")
    killed_after(7)
    with pytest.raises(Killed):
        run_tiny(*exact, f"trainer.accumulate={before}", root=tmp_path / "killed")
    monkeypatch.undo()
    _, here = run_tiny(*exact, f"trainer.accumulate={after}", root=tmp_path / "killed")
    curves = [read_curves(folder / "metrics.csv")["train/loss"].dropna().tolist() for folder in (here, there)]
    assert curves[0] == pytest.approx(curves[1], abs=2e-4)


def test_an_interruption_is_one_and_the_next_is_heard(run_tiny, monkeypatch, tmp_path):
    handler = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(Meter, "on_train_batch_end", lambda *_: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        run_tiny(root=tmp_path)
    assert signal.getsignal(signal.SIGINT) is handler


def test_an_evaluation_that_is_killed_goes_on_where_it_was(run_tiny, monkeypatch, tmp_path):
    """Nothing is trained again, and what had been answered is not asked again."""

    def die(subject):
        raise Killed

    uneven = ("trainer.log_every=5", "+eval.efficiency=true")
    whole, there = run_tiny(*uneven[:1], root=tmp_path / "whole")
    monkeypatch.setattr("ablate.evaluation.run.speed", die)
    with pytest.raises(Killed):
        run_tiny(*uneven, root=tmp_path / "killed")
    here = tmp_path / "killed" / there.relative_to(tmp_path / "whole")
    with (here / "metrics.csv").open("a") as file:
        file.write("16,")  # a row half-written
    kept = here / "checkpoints" / ANSWERS
    known = json.loads(kept.read_text())
    known["metrics"]["val/mlm_loss"] = 1.25  # asked again it would be another
    kept.write_text(json.dumps(known))
    monkeypatch.setattr("ablate.evaluation.run.speed", lambda subject: {"latency_ms": 1.0})
    monkeypatch.setattr("ablate.training.module.Pretraining.training_step", die)
    resumed, _ = run_tiny(*uneven, root=tmp_path / "killed")
    expected = {**comparable(whole), "val/mlm_loss": 1.25, "latency_ms": 1.0}
    assert comparable(resumed) == expected
    curves = [read_curves(folder / "metrics.csv")["train/loss"].dropna().tolist() for folder in (here, there)]
    assert curves[0] == curves[1]
    assert same_model(here, there)
    assert not (here / "checkpoints").exists()


def test_answers_of_another_model_are_not_taken(tmp_path):
    keep_answers(tmp_path, Known({"a": 1.5}, {"val": "x"}), trained={"run_id": "r", "updates": 2, "seconds": 0.1})
    assert read_answers(tmp_path, trained={"run_id": "r", "updates": 2, "seconds": 0.1}).metrics == {"a": 1.5}
    assert read_answers(tmp_path, trained={"run_id": "r", "updates": 2, "seconds": 0.2}) == Known()
    (tmp_path / ANSWERS).write_text('{"trained": 1, "met')
    assert read_answers(tmp_path, trained={"run_id": "r", "updates": 2, "seconds": 0.1}) == Known()


def test_a_corrupt_checkpoint_falls_back_to_the_one_before_and_says_so(run_tiny, killed_after, monkeypatch, tmp_path):
    whole, there = run_tiny(root=tmp_path / "whole")
    killed_after(7)
    with pytest.raises(Killed):
        run_tiny(root=tmp_path / "killed")
    monkeypatch.undo()
    here = tmp_path / "killed" / there.relative_to(tmp_path / "whole")
    damaged = here / "checkpoints" / LAST
    damaged.write_bytes(damaged.read_bytes()[:5000])
    resumed, _ = run_tiny(root=tmp_path / "killed")
    assert comparable(resumed) == comparable(whole)
    log = (here / "run.log").read_text()
    assert "is corrupt" in log
    assert f"resuming from checkpoints/{PREVIOUS}" in log


@pytest.mark.parametrize("damage", [b"", b"not a checkpoint", None])
def test_no_whole_checkpoint_means_from_the_start(tmp_path, damage):
    notices = []
    if damage is None:  # a whole zip that is not a checkpoint: a pickle with code in it
        torch.save({"a": Path("x")}, tmp_path / LAST)
    else:
        (tmp_path / LAST).write_bytes(damage)
    assert newest_whole(tmp_path, notice=notices.append) is None
    assert "corrupt" in notices[0]


def test_losses_follow_the_golden_curve(run_tiny):
    """A 20-step curve in float32, which refactors must keep. Rewrite golden_loss.json when the recipe changes."""
    _, directory = run_tiny(
        "trainer.precision=32-true", "trainer.dropout_bits=64", "trainer.log_every=1", "scale.tokens=5120"
    )
    losses = read_curves(directory / "metrics.csv")["train/loss"].dropna().tolist()
    assert len(losses) == 20
    assert losses == pytest.approx(json.loads(GOLDEN.read_text()), abs=2e-4)


def test_a_row_has_the_learning_rate_of_its_own_update(run_tiny):
    """Warmed up over two updates of ten, and never 0: the schedule is asked for the middle of each."""
    _, directory = run_tiny(
        "optim=adamw", "optim.lr=0.001", "schedule.warmup=0.2", "trainer.log_every=1", "eval=none", "scale.tokens=2560"
    )
    rates = read_curves(directory / "metrics.csv")["lr"].dropna().tolist()
    assert rates == pytest.approx([0.00025, 0.00075, *(0.001 * (1 - (n + 0.5) / 10) / 0.8 for n in range(2, 10))])


def test_kept_memory_changes_no_bit(run_tiny, tmp_path):
    folders = [run_tiny(f"trainer.keep_memory={keep}", root=tmp_path / keep)[1] for keep in ("false", "true")]
    assert same_model(*folders)


def test_dropout_from_16_bits_learns_what_torchs_own_does(run_tiny, tmp_path):
    """Other random numbers of the same distribution: the curves are closer than one without dropout is."""
    curves = {}
    for name, overrides in {"64": ("trainer.dropout_bits=64",), "16": (), "none": ("model.dropout=0",)}.items():
        exact = ("trainer.precision=32-true", "trainer.log_every=1", "eval=none")
        _, folder = run_tiny(*exact, *overrides, root=tmp_path / name)
        curves[name] = read_curves(folder / "metrics.csv")["train/loss"].dropna().to_numpy()
    away = {name: abs(curve - curves["64"]).mean() for name, curve in curves.items()}
    assert 0 < away["16"] < 0.02 < away["none"]


def test_accumulation_gives_the_same_training(run_tiny, tmp_path):
    exact = ("trainer.precision=32-true", "model.dropout=0", "model.attention_dropout=0", "trainer.log_every=1")
    curves = []
    for accumulate in (1, 3):
        _, folder = run_tiny(*exact, f"trainer.accumulate={accumulate}", root=tmp_path / str(accumulate))
        curves.append(read_curves(folder / "metrics.csv")["train/loss"].dropna().tolist())
    assert curves[0] == pytest.approx(curves[1], abs=2e-4)


def test_no_nsp_sees_the_same_batches_bit_for_bit(tiny, tmp_path):
    def batches(*overrides):
        cfg = compose_one([*tiny, *overrides])
        return build_data(cfg, build_corpus(cfg, tmp_path)).batches

    bert, no_nsp, other = batches(), batches("+exp=no_nsp"), batches("seed=1")
    for update in (0, 5, 300):
        for name, tensor in bert[update].items():
            same = no_nsp[update][name]
            assert (tensor is None and same is None) or torch.equal(tensor, same), name
    assert not torch.equal(bert[0]["input_ids"][:4, :8], other[0]["input_ids"][:4, :8])


def test_static_and_dynamic_masks_differ_only_once_copies_are_used_up(tiny, tmp_path):
    def batches(*overrides):
        cfg = compose_one([*tiny, *overrides])
        return build_data(cfg, build_corpus(cfg, tmp_path)).batches

    static, dynamic = batches("masking.copies=2"), batches("+exp=dynamic_masking")
    per_epoch = static.plan.epoch_tokens / static.plan.batch_tokens
    early, late = int(per_epoch), int(2 * per_epoch) + 2
    assert torch.equal(static[early]["masked_positions"], dynamic[early]["masked_positions"])
    assert torch.equal(static[late]["token_type_ids"], dynamic[late]["token_type_ids"])
    assert not torch.equal(static[late]["masked_positions"], dynamic[late]["masked_positions"])


def test_budgets_match_what_was_asked(run_tiny):
    by_tokens, _ = run_tiny()
    assert by_tokens.metrics["train/updates"] == 16
    assert by_tokens.metrics["train/tokens"] == pytest.approx(4096, abs=32)
    by_updates, _ = run_tiny("budget=updates", "budget.amount=5")
    assert by_updates.metrics["train/updates"] == 5
    flops = by_tokens.metrics["flops_per_token"] * 2048
    by_flops, _ = run_tiny("budget=flops", f"budget.amount={flops}")
    assert by_flops.metrics["train/updates"] == 8
    assert by_flops.metrics["train/flops"] == pytest.approx(flops, rel=0.05)
    by_seconds, _ = run_tiny("budget=seconds", "budget.amount=1.5")
    assert 1.5 <= by_seconds.metrics["train/seconds"] < 4


def test_a_budget_in_seconds_ends_with_a_whole_update(run_tiny, monkeypatch):
    """The curve's last row is a mean over updates: parts of another one would raise it."""
    parts = ("trainer.accumulate=4", "trainer.log_every=1")
    whole, _ = run_tiny(*parts)
    monkeypatch.setattr(Meter, "tick", lambda self: setattr(self, "seconds", self.seconds + 0.1))
    record, directory = run_tiny(*parts, "budget=seconds", "budget.amount=0.95")  # in the third update
    updates = int(record.metrics["train/updates"])
    curve = read_curves(directory / "metrics.csv")["train/loss"].dropna()
    assert len(curve) == updates == 3 and curve.iloc[-1] < 1.2 * curve.iloc[0]
    of_an_update = whole.metrics["train/masked_predictions"] / whole.metrics["train/updates"]
    assert record.metrics["train/masked_predictions"] == pytest.approx(updates * of_an_update, rel=0.05)


@pytest.mark.parametrize(
    ("every", "batch", "expected"), [(1000, 100, [10, 20, 30]), (250, 100, [3, 5, 8, 10]), (30, 100, [1, 2, 3])]
)
def test_the_grid_is_the_first_update_at_or_past_each_multiple(every, batch, expected):
    points = [u for u in range(1, expected[-1] + 1) if crosses_grid(u, updates_per_point=every / batch)]
    assert points == expected
