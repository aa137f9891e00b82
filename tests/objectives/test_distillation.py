"""Distillation against an independent float64 reference with full logits from transformers' own classes."""

import copy
import itertools

import pytest
import torch
import torch.nn.functional as F
from models.test_bert import VOCABULARY, build

from ablate.errors import UserError
from ablate.objectives.distillation import Distillation, paired_layers
from ablate.objectives.outputs import Asked
from ablate.objectives.pretraining import HardLabels, Teachable
from ablate.objectives.teacher import Teacher, teacher_flops
from ablate.objectives.teacher_store import TeacherStore, key_of
from ablate.training.optim import adamw

DISTILBERT = {"soft": 5.0, "hard": 2.0, "cosine": 1.0}
SUBSETS = [s for n in (1, 2, 3) for s in itertools.combinations(DISTILBERT, n)]
ADAMW = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-6, "weight_decay": 0.01}


def students(**extra):
    return build(nsp=False, token_types=False, layers=1, **extra)


def a_teacher(*, layers=2, **extra):
    model = build(nsp=True, layers=layers, **extra)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.3)
    return Teacher(model, name="a teacher")


def objective(student, teacher, **terms):
    return Distillation(**terms).taught(teacher, student, seed=1)


def outputs(model, batch):
    """Full logits and last hidden states in float64, as transformers' own class gives them."""
    model = copy.deepcopy(model.pretraining).double()
    if not model.training:
        model.eval()
    types = batch["token_type_ids"] if model.config.type_vocab_size > 1 else None
    out = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"].long(), token_type_ids=types,
                output_hidden_states=True)  # fmt: skip
    return model, getattr(out, "logits", getattr(out, "prediction_logits", None)), out.hidden_states[-1]


def reference(student, teacher, batch, terms, *, temperature, everywhere):
    """The triple loss as the paper writes it, on full tensors."""
    model, logits, hidden = outputs(student, batch)
    with torch.no_grad():
        _, their_logits, their_hidden = outputs(teacher.model, batch)
    labels = torch.full(batch["input_ids"].shape, -100).flatten()
    labels[batch["masked_positions"]] = batch["masked_labels"]
    labels = labels.view(batch["input_ids"].shape)
    where = batch["attention_mask"] if everywhere else labels != -100
    parts = {"hard": F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100)}
    p, q = (F.softmax(one[where] / temperature, dim=-1) for one in (their_logits, logits))
    parts["soft"] = temperature**2 * (p * (p.log() - q.log())).sum(-1).mean()
    parts["cosine"] = (1 - F.cosine_similarity(hidden[where], their_hidden[where], dim=-1)).mean()
    return model, sum(DISTILBERT[name] * parts[name] for name in terms)


@pytest.mark.parametrize("everywhere", [True, False])
@pytest.mark.parametrize("terms", SUBSETS, ids="-".join)
def test_a_step_of_every_subset_of_the_triple_loss_equals_the_reference(batch, terms, everywhere):
    student, teacher = students(), a_teacher()
    where = "all" if everywhere else "masked"
    weights = {name: DISTILBERT[name] for name in terms}
    ours = objective(student, teacher, **weights, temperature=2.0, positions=where)(student, batch)["loss"]
    twin, theirs = reference(student, teacher, batch, terms, temperature=2.0, everywhere=everywhere)
    assert float(ours.detach()) == pytest.approx(float(theirs.detach()), rel=1e-5)
    ours.backward()
    theirs.backward()
    given = dict(student.pretraining.named_parameters())
    for name, parameter in twin.named_parameters():
        expected = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        found = torch.zeros_like(given[name]) if given[name].grad is None else given[name].grad
        assert torch.allclose(found.double(), expected, atol=1e-5), name
    for model in (student.pretraining, twin):
        adamw(list(model.named_parameters()), **ADAMW, fused=False).step()
    for name, parameter in twin.named_parameters():
        assert torch.allclose(given[name].double(), parameter, atol=1e-5), name


def test_the_hard_term_alone_is_ordinary_pretraining(batch):
    model = build()
    plain, taught = HardLabels(nsp=True), objective(model, None, hard=1.0, nsp=True)
    one, other = plain(model, batch), taught(model, batch)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_teacher_learns_nothing_and_is_in_no_state(batch):
    student, teacher = students(), a_teacher()
    before = copy.deepcopy(teacher.model.state_dict())
    made = objective(student, teacher, soft=1.0, cosine=1.0)
    made(student, batch)["loss"].backward()
    assert all(p.grad is None for p in teacher.model.parameters()) and not teacher.model.training
    assert all(torch.equal(before[k], v) for k, v in teacher.model.state_dict().items())
    assert not made.state_dict() and not list(made.parameters())


def test_a_student_that_is_its_teacher_has_nothing_to_learn(batch):
    student = build(nsp=False)
    teacher = Teacher(copy.deepcopy(student), name="itself")
    terms = {"soft": 1.0, "logits": 1.0, "cosine": 1.0, "hidden": 1.0, "attention": 1.0}
    for where in ("all", "masked"):
        found = objective(student, teacher, **terms, positions=where)(student, batch)
        assert float(found["loss"].detach()) == pytest.approx(0.0, abs=1e-5)
        assert {f"{name}_loss" for name in terms} <= set(found)


def test_inner_layers_are_compared_at_the_same_share_of_depth(batch):
    assert paired_layers(2, 4) == [(0, 1), (1, 3)]
    assert paired_layers(6, 12) == [(i, 2 * i + 1) for i in range(6)]
    assert paired_layers(3, 3) == [(0, 0), (1, 1), (2, 2)]
    student, teacher = students(), a_teacher()
    found = objective(student, teacher, hidden=1.0, attention=1.0)(student, batch)
    inputs = batch["input_ids"], batch["attention_mask"], batch["token_type_ids"]
    ours, theirs = student.layers(*inputs, attention=True), teacher.model.layers(*inputs, attention=True)
    real = batch["attention_mask"]
    squared = (ours.hidden[0] - theirs.hidden[1])[real].square().mean()
    p, q = (one.transpose(1, 2)[real][:, :, :] for one in (theirs.attention[1], ours.attention[0]))
    divergence = torch.where(p > 0, p * (p.clamp_min(1e-38).log() - q.clamp_min(1e-38).log()), 0.0).sum(-1).mean()
    assert float(found["hidden_loss"]) == pytest.approx(float(squared.detach()), rel=1e-5)
    assert float(found["attention_loss"]) == pytest.approx(float(divergence.detach()), rel=1e-4)


def test_a_narrower_student_learns_a_projection(batch):
    student, teacher = students(width=32), a_teacher()
    made = objective(student, teacher, cosine=1.0, hidden=1.0, projection=True)
    made(student, batch)["loss"].backward()
    assert made.projection.weight.shape == (64, 32) and float(made.projection.weight.grad.abs().sum()) > 0
    again = objective(student, teacher, cosine=1.0, projection=True)
    assert torch.equal(made.projection.weight, again.projection.weight)


def test_microbatches_add_up_to_their_update(batch):
    student, teacher = students(), a_teacher()
    made = objective(student, teacher, **DISTILBERT, temperature=2.0, positions="all")
    whole = made(student, batch)["loss"]
    parts = [part(batch, slice(0, 2)), part(batch, slice(2, 6))]
    assert float(sum(made(student, one)["loss"] for one in parts).detach()) == pytest.approx(
        float(whole.detach()), rel=1e-5
    )


def part(batch, rows):
    width = batch["input_ids"].shape[1]
    inside = [i for i, at in enumerate(batch["masked_positions"].tolist()) if rows.start <= at // width < rows.stop]
    cut = {name: batch[name][rows] for name in ("input_ids", "attention_mask", "token_type_ids")}
    return {**batch, **cut, "masked_positions": batch["masked_positions"][inside] - rows.start * width,
            "masked_labels": batch["masked_labels"][inside]}  # fmt: skip


def test_outputs_on_disk_give_the_same_loss_and_are_computed_once(batch, tmp_path, monkeypatch):
    student = students()
    plain = objective(student, a_teacher(), **DISTILBERT, positions="all")(student, batch)["loss"]
    stored = a_teacher()
    stored.store = TeacherStore(tmp_path)
    made = objective(student, stored, **DISTILBERT, positions="all")
    assert torch.equal(made(student, batch)["loss"], plain)
    (file,) = tmp_path.rglob("*.safetensors")
    monkeypatch.setattr(stored, "_forward", None)
    assert torch.equal(made(student, batch)["loss"], plain)
    monkeypatch.undo()
    file.write_bytes(b"half a file")
    assert torch.equal(made(student, batch)["loss"], plain)
    assert file.stat().st_size > 100


def test_what_is_kept_is_known_by_the_input_and_the_question(batch):
    asked, at = Asked(logits=True, hidden=False), batch["masked_positions"]
    other = {**batch, "input_ids": batch["input_ids"].clone()}
    assert key_of(batch, at, asked) == key_of(other, at, asked)
    other["input_ids"][0, 3] = 6
    wider = [Asked(logits=True, hidden=True), Asked(logits=True, hidden=False, keep=3)]
    keys = {key_of(one, at, asked) for one in (batch, other)} | {key_of(batch, at, more) for more in wider}
    assert len({*keys, key_of(batch, at[:-1], asked)}) == 5


def test_kept_logits_are_smaller_and_say_what_they_leave_out(batch):
    student, teacher = students(), a_teacher()
    teacher.keep = 8
    few = objective(student, teacher, soft=1.0, temperature=2.0)(student, batch)
    teacher.keep = VOCABULARY.size
    every = objective(student, teacher, soft=1.0, temperature=2.0)(student, batch)
    assert 0 < float(few["loss"].detach()) < float(every["loss"].detach())
    assert 0 < float(few["teacher_left_out"]) < 1 and "teacher_left_out" not in every


def test_the_teachers_flops_are_those_of_a_forward_pass():
    teacher = a_teacher()
    encoder, head = teacher.model.forward_flops(length=20)
    assert teacher_flops(teacher, length=20, tokens=100, predictions=15) == 100 * encoder + 15 * head


@pytest.mark.parametrize(
    ("terms", "line"),
    [({"soft": -1.0}, "loss.soft=-1.0: must be a weight: a number from 0"), ({}, "all weights are 0"),
     ({"soft": 1.0, "temperature": 0}, "loss.temperature=0: must be a number above 0"),
     ({"soft": 1.0, "temperature": -2.0}, "loss.temperature=-2.0")],
)  # fmt: skip
def test_weights_and_temperatures_that_mean_nothing_are_refused(terms, line):
    with pytest.raises(UserError, match=line):
        Distillation(**terms)


@pytest.mark.parametrize(
    ("student", "terms", "line"),
    [({"width": 32}, {"cosine": 1.0}, "loss.cosine=1.0: the student is 32 wide, its teacher 64"),
     ({"width": 128}, {"hidden": 1.0}, "loss.hidden=1.0: the student is 128 wide, its teacher 64"),
     ({"width": 32}, {"attention": 1.0}, "the student has 1 heads, its teacher 2"),
     ({"dropout": 0.1}, {"attention": 1.0}, "say model.attention_dropout=0"),
     ({"attention": "sdpa"}, {"attention": 1.0}, "say trainer.attention=eager")],
)  # fmt: skip
def test_students_that_do_not_fit_their_teacher_are_refused(student, terms, line):
    with pytest.raises(UserError, match=line):
        objective(students(**student), a_teacher(), **terms)
    deeper = build(nsp=False, layers=3)
    with pytest.raises(UserError, match=r"model\.layers=3: more than the teacher's 2"):
        objective(deeper, a_teacher(), hidden=1.0)


def test_only_losses_with_a_teacher_are_teachable():
    assert isinstance(Distillation(soft=1.0), Teachable) and not isinstance(HardLabels(nsp=True), Teachable)
    assert not Distillation(hard=1.0).needs_teacher
    assert Distillation(hard=1.0, logits=1.0).guess_loss(8.0) == float("inf")
    assert Distillation(**DISTILBERT, temperature=2.0).guess_loss(8.0) == (2 + 4 * 5) * 8.0 + 2
