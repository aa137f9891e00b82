"""Whom a student learns from: planned, checked before anything runs, identified, found."""

import json
import shutil

import pytest
import torch
from synthetic_runs import edit
from transformers import BertConfig, BertForMaskedLM

from ablate.config.compose import compose_jobs
from ablate.config.teaching import TeacherMissing
from ablate.errors import UserError
from ablate.experiment import run
from ablate.sweep import batches, comes_first, plan, plan_jobs, run_planned, teachers_of


def planned(*overrides, multirun=False):
    return plan_jobs(list(overrides), multirun=multirun)


def test_a_student_is_planned_with_its_teacher():
    (job,) = planned(
        "+exp=student_soft", "seed=3", "tokenizer.vocab_size=300", "model.layers_multiple=0.5", "nsp=false"
    )
    teacher = job.teacher
    assert (teacher.place.arm, teacher.place.seed, teacher.teacher) == ("budget_x2.tokenizer.vocab_size-300", 3, None)
    assert (teacher.cfg.model.layers, teacher.cfg.nsp, teacher.cfg.masking.copies) == (2, True, 10)
    assert teacher.cfg.tokenizer == job.cfg.tokenizer
    assert teacher.cfg.budget.amount == 2 * job.cfg.budget.amount


def test_the_teacher_has_its_own_seed_where_one_is_named():
    jobs = planned("+exp=student_soft", "seed=0,1", "teacher.seed=7", multirun=True)
    assert [job.teacher.cfg.seed for job in jobs] == [7, 7]
    assert len(teachers_of(jobs)[0]) == 1
    same = planned("+exp=student_soft,distilbert", "seed=0,1", multirun=True)
    assert [job.teacher.place.seed for job in same] == [job.place.seed for job in same]
    assert len(teachers_of(same)[0]) == 2


def test_a_ladder_of_learning_rates_moves_the_student_only():
    jobs = planned("+exp=student_soft", "optim.lr_ladder=0.5,2", multirun=True)
    assert {job.teacher.cfg.optim.lr for job in jobs} == {1e-3}


def test_teachers_of_teachers_come_first():
    jobs = planned("+exp=student_soft", "teacher.exp=student_mix")
    first, second = teachers_of(jobs)
    assert [one.place.arm for one in (*first, *second)] == ["budget_x2", "student_mix"]


def test_equal_flops_count_the_teachers_forward_pass():
    soft, hard, flops = (planned(f"+exp={arm}")[0] for arm in ("student_soft", "student_hard", "student_hard_flops"))
    from ablate.config.reference import arm_flops, with_flops

    amounts = [arm_flops([f"+exp={arm}"]) for arm in ("student_soft", "student_hard")]
    assert amounts[0] > 1.3 * amounts[1]
    filled = with_flops(flops.cfg, list(flops.overrides))
    assert filled.budget.amount == amounts[0]
    assert soft.cfg.budget.amount == hard.cfg.budget.amount


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["loss=soft", "nsp=false"], "needs a teacher; say teacher.exp=budget_x2 or teacher.path=FOLDER"),
        (["init=teacher"], "init: from_teacher starts from a teacher: needs a teacher"),
        (["teacher.exp=budget_x2"], "teacher.exp=budget_x2: nothing here learns from it"),
        (["+exp=student_soft", "teacher.path=x"], "give one of them"),
        (["+exp=student_soft", "teacher.exp=budgetx2"], r"teacher.exp=budgetx2: exp=budgetx2: no such option; nearest"),
        (["+exp=student_soft", "teacher.exp=roberta"], "teacher.exp=roberta: has another vocabulary than its student"),
        (["+exp=student_soft", "teacher.exp=null", "teacher.path=nowhere"], "teacher.path=nowhere: no such folder"),
        (["+exp=student_soft", "teacher.seed=x"], "teacher.seed=x: must be same, or a whole number"),
        (["+exp=student_soft", "teacher.keep=0"], "teacher.keep=0: must be a whole number from 1"),
        (["+exp=student_soft", "teacher.untrained=maybe"], "teacher.untrained=maybe: must be refuse or allow"),
        (["+exp=student_soft", "loss.temperature=0"], "loss.temperature=0: must be a number above 0"),
        (["+exp=student_soft", "loss.soft=-1"], "loss.soft=-1: must be a weight: a number from 0"),
        (["+exp=student_soft", "loss.soft=x"], "loss.soft=x: must be a weight: a number from 0"),
        (["+exp=student_soft", "loss.soft=0"], "loss: all weights are 0"),
        (["+exp=student_soft", "loss.positions=some"], "loss.positions=some: must be masked or all"),
        (["+exp=student_soft", "loss.beta=1"], "loss.beta: no such key"),
        (["+exp=student_mix", "loss.alpha=2"], "loss.soft=-1"),
        (["+exp=distilbert", "init.layers=[0,1]"], r"init.layers=\[0, 1\]: the student has 1 layers"),
        (["+exp=distilbert", "init.layers=[5]"], r"init.layers=\[5\]: the teacher has 2 layers, numbered 0 to 1"),
        (["+exp=distilbert", "init.layers=0"], "init.layers=0: must be spread, alternate, or a list"),
        (["+exp=distilbert", "init.layers=first"], "init.layers=first: must be spread, alternate, or a list"),
        (["+exp=distilbert", "model.layers=3"], "model.layers=3: init=teacher takes whole layers"),
        (["+exp=student_hard", "model.layers_multiple=0.3"], "model.layers=0.6: must be a whole number from 1"),
        (["+exp=student_hard_flops", "budget.like=nobody"], "budget.like=nobody: exp=nobody: no such option"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line_before_anything_runs(overrides, line):
    with pytest.raises(UserError, match=line):
        planned(*overrides)
        from ablate.config.reference import with_flops

        job = compose_jobs(overrides)[0]
        with_flops(job.cfg, job.overrides)


def test_an_arm_cannot_teach_itself(tmp_path):
    (tmp_path / "exp").mkdir()
    for name, teacher in (("one", "two"), ("two", "one")):
        text = f"# @package _global_\ndefaults: [override /loss: soft]\nnsp: false\nteacher: {{exp: {teacher}}}\n"
        (tmp_path / "exp" / f"{name}.yaml").write_text(text)
    with pytest.raises(UserError, match=r"teacher\.exp=two: is taught by itself \(two <- one <- two\)"):
        plan_jobs(["+exp=one"], multirun=False, config_dirs=(tmp_path,))


def test_a_wider_student_needs_a_projection_for_inner_losses(tmp_path):
    (tmp_path / "exp").mkdir()
    (tmp_path / "exp" / "narrow.yaml").write_text("# @package _global_\nmodel: {width: 128, heads: 2}\n")
    asked = ["+exp=distilbert_random", "teacher.exp=narrow"]
    with pytest.raises(UserError, match=r"loss\.cosine=1: the student is 256 wide, its teacher 128"):
        plan_jobs(asked, multirun=False, config_dirs=(tmp_path,))
    assert plan_jobs([*asked, "loss.projection=true"], multirun=False, config_dirs=(tmp_path,))


SHORT = ("eval.formats=[doc_sentences]", "teacher.exp=budget_d4")


def test_a_student_trains_after_its_teacher_which_is_found_again(run_tiny, tmp_path, capsys):
    record, directory = run_tiny("+exp=distilbert", *SHORT)
    teacher = json.loads((directory.parents[1] / next_arm(directory, "budget_d4") / "seed-0/result.json").read_text())
    assert record.metrics["teacher/mlm_loss"] == pytest.approx(teacher["metrics"]["val/mlm_loss"], abs=1e-9)
    assert 0 < record.metrics["train/teacher_share"] < 1
    assert record.metrics["train/flops"] > record.metrics["train/teacher_flops"] > 0
    curve = (directory / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {"train/soft_loss", "train/cosine_loss", "train/mlm_loss"} <= set(curve)
    assert "its teacher first" in capsys.readouterr().err
    again, _ = run_tiny("+exp=student_soft", *SHORT)
    assert again.metrics["teacher/mlm_loss"] == record.metrics["teacher/mlm_loss"]
    assert "its teacher first" not in capsys.readouterr().err


def test_a_finished_student_is_asked_something_new_without_its_teacher(run_tiny, tiny, tmp_path):
    """And what its teacher scored on the old questions goes."""
    record, directory = run_tiny("+exp=student_soft", *SHORT)
    taught = directory.parents[1] / next_arm(directory, "budget_d4")
    shutil.rmtree(taught)
    (job,) = planned(*tiny, "+exp=student_soft", *SHORT, "eval.chars=20000", f"hydra.run.dir={tmp_path}")
    assert job.place.directory == directory
    again = run(job, roots=[tmp_path])
    assert again.run_id == record.run_id and not taught.exists()
    assert again.metrics["val/mlm_loss"] != record.metrics["val/mlm_loss"]
    assert "teacher/mlm_loss" in record.metrics and "teacher/mlm_loss" not in again.metrics


def test_a_sweep_trains_the_teachers_of_untrained_students_only(tiny, tmp_path):
    asked = [*tiny, "+exp=student_soft", *SHORT, f"hydra.sweep.dir={tmp_path}"]
    (job,), (more,) = (planned(*asked, *new, multirun=True) for new in ((), ("eval.chars=20000",)))
    run_planned(job, with_teacher=True)
    shutil.rmtree(job.teacher.place.directory)
    plan([*asked, "eval.chars=20000"], multirun=True)
    assert [len(batch) for batch in batches()] == [1]
    run_planned(more, with_teacher=True)
    assert not job.teacher.place.directory.exists()
    shutil.rmtree(job.place.directory)
    plan(asked, multirun=True)
    ((teacher, student),) = batches()
    assert "+exp=budget_d4" in teacher and "+exp=student_soft" in student


def test_another_launcher_and_batches_of_a_size_get_the_teachers_in_stages(tmp_path):
    asked = ["+exp=student_hard,student_soft,budget_x2", f"hydra.sweep.dir={tmp_path}"]
    plan(asked, multirun=True)
    (together,) = batches()
    exps = [[one.removeprefix("+exp=") for one in job if one.startswith("+exp=")] for job in together]
    assert exps == [["budget_x2"], ["student_hard"], ["student_soft"]]  # an arm that teaches is there once
    assert [len(batch) for batch in batches(2)] == [1, 2, 1]
    plan([*asked, "hydra/launcher=basic"], multirun=True)
    assert [len(batch) for batch in batches()] == [1, 3]


@pytest.mark.parametrize(
    ("trained", "first"),
    [([], [["budget_x2"], ["student_mix"]]), (["student_soft"], []),
     (["student_mix"], [["student_mix"]]), (["student_soft", "student_mix"], [["student_mix"]]),
     (["budget_x2"], [["budget_x2"], ["student_mix"]]), (["student_soft", "budget_x2"], [])],
)  # fmt: skip
def test_a_teachers_teacher_runs_for_the_teacher_only(trained, first, monkeypatch):
    """All of them are asked something new; who is trained already needs no teacher to be."""
    monkeypatch.setattr("ablate.sweep.is_finished", lambda one: False)
    monkeypatch.setattr("ablate.sweep.is_trained", lambda one: one.place.arm.split(".")[0] in trained)
    stages = teachers_of(planned("+exp=student_soft", "teacher.exp=student_mix"), only=comes_first)
    assert [[one.place.arm for one in stage] for stage in stages] == first


def test_a_students_teacher_is_asked_the_new_questions_too(run_tiny):
    first, directory = run_tiny("+exp=student_soft", *SHORT)
    again, there = run_tiny("+exp=student_soft", *SHORT, "eval.chars=20000")
    assert there == directory and again.run_id == first.run_id
    taught = directory.parents[1] / next_arm(directory, "budget_d4") / "seed-0" / "result.json"
    loss = json.loads(taught.read_text())["metrics"]["val/mlm_loss"]
    assert again.metrics["teacher/mlm_loss"] == pytest.approx(loss, abs=1e-9)
    assert loss != pytest.approx(first.metrics["teacher/mlm_loss"], abs=1e-6)


def next_arm(directory, start):
    (found,) = [p.name for p in directory.parents[1].iterdir() if p.name.startswith(start)]
    return found


def test_outputs_kept_on_disk_change_nothing(run_tiny, tmp_path):
    plain, _ = run_tiny("+exp=student_soft", *SHORT, root=tmp_path / "a")
    kept, _ = run_tiny("+exp=student_soft", *SHORT, "trainer.cache_teacher=true", root=tmp_path / "b")
    again, _ = run_tiny("+exp=student_soft", *SHORT, "trainer.cache_teacher=true", root=tmp_path / "c")
    losses = [r.metrics["val/mlm_loss"] for r in (plain, kept, again)]
    assert losses[0] == losses[1] == losses[2]


def test_a_student_of_a_folder_is_known_by_the_weights_in_it(run_tiny, tmp_path):
    _, taught = run_tiny("+exp=budget_d4", "eval=none", root=tmp_path / "teacher")
    asked = ["+exp=student_soft", "teacher.exp=null", "eval=none", f"teacher.path={taught}"]
    first, there = run_tiny(*asked, root=tmp_path / "one")
    moved = tmp_path / "moved"
    (taught / "model").rename(moved)
    second, _ = run_tiny(*asked[:-1], f"teacher.path={moved}", root=tmp_path / "one/again")
    assert first.run_id == second.run_id
    assert json.loads((there / "provenance.json").read_text())["identity"]["teacher"]["keep"] is None
    weights = moved / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\0")
    third, _ = run_tiny(*asked[:-1], f"teacher.path={moved}", root=tmp_path / "two")
    assert third.run_id != first.run_id


def test_a_folder_with_another_vocabulary_is_refused(run_tiny, tmp_path):
    _, taught = run_tiny("eval=none", "tokenizer.vocab_size=140", root=tmp_path / "teacher")
    with pytest.raises(UserError, match=r"has another vocabulary than its student \(140 tokens against 150; "):
        run_tiny("+exp=student_soft", "teacher.exp=null", "eval=none", f"teacher.path={taught}")


def test_a_teacher_of_shorter_texts_is_refused(run_tiny, tmp_path):
    _, taught = run_tiny("eval=none", "input.length=16", root=tmp_path / "teacher")
    with pytest.raises(UserError, match=r"input\.length=32: teacher\.path=.*model was trained on 16 positions"):
        run_tiny("+exp=student_soft", "teacher.exp=null", "eval=none", f"teacher.path={taught}", "input.length=32")


def test_a_teacher_no_better_than_word_frequencies_is_refused(run_tiny):
    with pytest.raises(UserError, match="no better than word frequencies"):
        run_tiny("+exp=student_soft", *SHORT, "teacher.untrained=refuse", "optim.lr=1e-9", "optim.muon_lr=1e-9")


def test_a_teacher_that_is_shared_from_a_folder_now_gone_is_said_to_be(run_tiny, tmp_path):
    _, student = run_tiny("+exp=student_soft", *SHORT)
    (record,) = (path for path in tmp_path.glob("**/result.json") if path.parent != student)
    edit(record, shared_from=str(tmp_path / "gone"))
    (student / "result.json").unlink()
    with pytest.raises(TeacherMissing, match=rf"is shared from {tmp_path}/gone, which is no longer there; delete "):
        run_tiny("+exp=student_soft", *SHORT)


def test_a_teacher_of_pickles_is_refused(run_tiny, tmp_path):
    BertConfig(vocab_size=150, hidden_size=32, num_hidden_layers=1, num_attention_heads=1).save_pretrained(tmp_path)
    torch.save(BertForMaskedLM(BertConfig.from_pretrained(tmp_path)).state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match="only pickled weights"):
        run_tiny("+exp=student_soft", "teacher.exp=null", f"teacher.path={tmp_path}")


def test_a_student_whose_teacher_is_not_there_says_so(tiny, tmp_path):
    (job,) = plan_jobs([*tiny, "+exp=student_soft", f"hydra.run.dir={tmp_path}"], multirun=False)
    with pytest.raises(TeacherMissing, match=r"its teacher \(budget_x2.*, seed 0\) is not finished"):
        run_planned(job, with_teacher=False)
