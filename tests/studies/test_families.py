"""A study that includes others: read together, judged apart on shared runs, as each would be alone."""

import copy
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from synthetic_runs import edit, write_run
from synthetic_study import write_nsp

from ablate import api
from ablate.config.studies import named_study
from ablate.errors import UserError
from ablate.report.collect import read
from ablate.stats.multiplicity import holm
from ablate.studies.judge import as_plain
from ablate.studies.outlook import outlooks
from ablate.studies.registration import read_entries, register
from ablate.studies.study import read_study
from ablate.studies.verdict_table import render, wide_console

METRIC, BITS = "val/mlm_loss", "val/bits_per_char"
NOISE = np.array([0.011, -0.007, 0.003, -0.012, 0.009])
MASKS = {
    "name": "masks", "question": "Masks?", "baseline": "bert", "arms": ["bert", "dynamic", "quarter"],
    "control": "quarter", "seeds": 5,
    "claims": [{"id": "masks", "says": "better", "kind": "superiority", "contrast": "dynamic - bert",
                "metric": METRIC, "margin": 0.05, "factors": ["masking"]}],
}  # fmt: skip
RATES = {
    "name": "rates", "question": "Batches?", "baseline": "bert", "arms": ["bert", "large"], "seeds": 5, "alpha": 0.04,
    "robustness": [2],
    "claims": [
        {"id": id, "says": "better", "kind": "superiority", "contrast": contrast, "metric": METRIC,
         "factors": ["batch", "learning_rate"]}
        for id, contrast in (("larger", "large - bert"), ("smaller", "bert - large"))
    ],
}  # fmt: skip
TEXT = {
    "name": "text", "question": "Encodings?", "baseline": "cased", "arms": ["cased", "bpe"], "seeds": 5,
    "claims": [{"id": "bpe", "says": "better", "kind": "superiority", "contrast": "bpe - cased", "metric": BITS,
                "factors": ["tokenizer"]}],
}  # fmt: skip


def together(*studies, **more):
    entries = [one if "study" in one else {"study": one, "overrides": {}} for one in studies]
    return {"name": "all", "question": "q", "include": entries, **more}


def with_bytes(study=TEXT):
    return {"study": study, "overrides": {"budget": "bytes"}}


def write_arm(folder, arm, level, *, noise=NOISE, changes=None, seeds=range(5)):
    for seed in seeds:
        write_run(folder, arm, seed, dict.fromkeys((METRIC, BITS), level + float(noise[seed])), changes=changes)


@pytest.fixture
def folder(tmp_path):
    """Runs of all three: the ladder of `rates` at twice the learning rate, and text matched in bytes."""
    made = tmp_path / "all"
    register(made, read_study(together(MASKS, RATES, with_bytes())), asked={})
    batch = {"optim.batch_tokens": 1024}
    write_arm(made, "bert", 4.0)
    write_arm(made, "dynamic", 3.95, noise=NOISE[::-1], changes={"masking.copies": None})
    write_arm(made, "quarter", 5.0, noise=NOISE**2, changes={"budget.amount": 5120})
    write_arm(made, "large", 3.9, noise=NOISE**2, changes=batch)
    write_arm(made, "bert.optim.lr_ladder-2", 4.0, changes={"optim.lr": 0.002})
    write_arm(made, "large.optim.lr_ladder-2", 4.2, noise=NOISE**2, changes={"optim.lr": 0.002, **batch})
    write_arm(made, "cased.budget-bytes", 4.0, changes={"tokenizer.lowercase": False})
    write_arm(made, "bpe.budget-bytes", 4.1, noise=NOISE[::-1], changes={"tokenizer._target_": "B"})
    return made


def alone(folder, plain, arms):
    """What a study says of its claims in a folder of its own, with these runs only."""
    apart = folder.parent / plain["name"]
    for arm in arms:
        shutil.copytree(folder / arm, apart / arm)
    shutil.copy(folder / "study.json", apart)
    return as_plain(api.judge(apart, read_study(plain)))["claims"]


def test_each_study_is_judged_as_if_it_were_alone(folder):
    judged = as_plain(api.judge(folder))
    claims = {claim["id"]: claim for claim in judged["claims"]}
    assert [(claim["id"], claim.pop("family")) for claim in claims.values()] == [
        ("masks", "masks"), ("larger", "rates"), ("smaller", "rates"), ("bpe", "text"),
    ]  # fmt: skip
    assert [(one["study"], one["alpha"]) for one in judged["families"]] == [("masks", 0.05), ("rates", 0.04),
                                                                            ("text", 0.05)]  # fmt: skip
    assert judged["alpha"] == 0.05
    p = holm(np.array([claims["larger"]["p"], claims["smaller"]["p"]]))
    assert [claims["larger"]["p_holm"], claims["smaller"]["p_holm"]] == pytest.approx(list(p))
    assert claims["masks"]["p_holm"] == claims["masks"]["p"]  # a family of one, whatever else is in the study
    assert claims["larger"]["stable"] == [0, 1]
    assert claims["masks"]["stable"] is None  # of its arms only bert was run at another learning rate
    assert claims["bpe"]["verdict"] == "contradicted"
    assert all(claim["registered"] for claim in claims.values())
    ladder = ["bert.optim.lr_ladder-2", "large.optim.lr_ladder-2"]
    assert [claims["larger"], claims["smaller"]] == alone(folder, RATES, ["bert", "large", *ladder])
    assert [claims["masks"]] == alone(folder, MASKS, MASKS["arms"])
    assert [claims["bpe"]] == alone(folder, TEXT, ["cased.budget-bytes", "bpe.budget-bytes"])


@pytest.mark.parametrize("other", ["model.layers-2", "scale.tokens-3000000.0"])
def test_each_study_keeps_its_ladder_under_another_override(folder, other):
    plain = as_plain(api.judge(folder))["claims"]
    for path in sorted(path for path in folder.iterdir() if path.is_dir()):
        arm, *variants = path.name.partition(".")[::2]
        path.rename(folder / ".".join([arm, *sorted([other, *filter(None, variants)])]))
    for path in folder.glob("*/*/result.json"):
        edit(path, arm=path.parent.parent.name)
    judged = api.judge(folder)
    assert as_plain(judged)["claims"] == plain
    assert {one.variant for one in judged.families} == {other}


def test_the_shipped_papers_say_of_nsp_what_nsp_says(tmp_path):
    folder = tmp_path / "nsp"
    write_nsp(folder)
    papers = named_study("papers")
    ours = as_plain(api.judge(folder, papers))
    of_nsp = [claim for claim in ours["claims"] if claim.pop("family") == "nsp"]
    theirs = as_plain(api.judge(folder, named_study("nsp")))
    assert json.dumps(of_nsp) == json.dumps(theirs["claims"])
    assert {claim["verdict"] for claim in of_nsp} >= {"supported"}
    others = [claim for claim in ours["claims"] if claim not in of_nsp and claim["kind"] != "exact"]
    assert {claim["verdict"] for claim in others} == {"not testable"}


def test_the_study_names_the_arms_and_claims_of_all_once():
    study = read_study(together(MASKS, RATES, with_bytes()))
    assert study.arms == ("bert", "dynamic", "quarter", "large", "cased", "bpe")
    assert [claim.id for claim in study.claims] == ["masks", "larger", "smaller", "bpe"]
    assert [part.control for part in study.parts] == ["quarter", None, None]
    assert dict(study.overrides_of("cased")) == {"budget": "bytes"}
    assert dict(study.overrides_of("bert")) == {}
    assert study.part_of(study.claims[1]).name == "rates"
    changed = copy.deepcopy(RATES) | {"alpha": 0.03}
    assert read_study(together(MASKS, changed, with_bytes())).id != study.id
    assert read_study(together(MASKS, RATES, with_bytes(), seeds=3)).seeds == (0, 1, 2)


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        (together(), "include: names no study"),
        (together(MASKS, MASKS), "include: masks is there twice"),
        (together(MASKS | {"name": "all"}), "include=all: is this study itself"),
        (together({"name": "more", "include": ["nsp"]}), "include=more: includes others itself"),
        (together(MASKS, RATES | {"seeds": 3}), "masks has seeds 0, 1, 2, 3, 4 and rates 0, 1, 2; they share runs"),
        (together(MASKS, MASKS | {"name": "again"}), "masks and again both have a claim masks; ids must differ"),
        (together(RATES, with_bytes(MASKS)), "arm bert is one recipe in rates (nothing set beside its exps) and "
                                             "another in masks (budget=bytes)"),
        (together(MASKS, arms=["bert"]), "arms: a study with include takes it from those; keys: name, question"),
        (together(MASKS | {"baseline": "bret"}), "study masks: baseline=bret"),
        ({"name": "all", "include": ["masks"]}, "include: 'masks' must be the name of a study"),
        ({"name": "all", "include": "masks"}, "include=masks: must be a list"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(plain, words):
    with pytest.raises(UserError) as caught:
        read_study(plain)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("study all: ")


def test_runs_of_none_of_the_studies_are_said(folder):
    write_arm(folder, "cased", 3.0)
    write_arm(folder, "other", 3.0)
    judged = api.judge(folder)
    assert "runs of cased without budget=bytes are left out: text asks for it" in judged.notes
    assert "arms other were run but are not the study's; they are left out" in judged.notes
    assert {arm.arm: arm.done for arm in judged.arms} == dict.fromkeys(judged.study.arms, 5)


def test_a_claim_changed_after_its_runs_is_refused_in_its_own_study_only(folder):
    changed = copy.deepcopy(RATES)
    changed["alpha"] = 0.03
    judged = {one.claim.id: one for one in api.judge(folder, read_study(together(MASKS, changed, with_bytes()))).claims}
    assert "changed after its runs (alpha: 0.04 -> 0.03)" in judged["larger"].verdict.reason
    assert judged["masks"].registered is True
    assert judged["masks"].verdict.p is not None


def test_what_is_registered_can_be_read_without_the_files(folder):
    definition = read_entries(folder)[-1]["definition"]
    assert read_study(definition) == api.judge(folder).study


def test_a_study_judged_alone_is_not_said_to_lack_the_claims_of_others(folder):
    assert api.judge(folder, read_study(MASKS)).claims[0].notes == ()
    halved = copy.deepcopy(RATES) | {"claims": RATES["claims"][:1]}
    (note,) = api.judge(folder, read_study(halved)).claims[0].notes
    assert note.endswith("were dropped after runs had finished: smaller")


def test_looks_are_each_studys_own(folder):
    looks = MASKS | {"looks": [{"seeds": 3, "alpha": 0.01}, {"seeds": 5, "alpha": 0.04}]}
    (folder / "study.json").unlink()
    judged = api.judge(folder, read_study(together(looks, RATES)))
    assert {one.claim.id: one.verdict.alpha for one in judged.claims} == {
        "masks": 0.04, "larger": 0.04, "smaller": 0.04,
    }  # fmt: skip
    for path in (folder / "dynamic" / "seed-4").iterdir():
        path.unlink()
    judged = api.judge(folder, read_study(together(looks, RATES)))
    assert [(one.alpha, one.seeds) for one in judged.families] == [(0.01, (0, 1, 2)), (0.04, (0, 1, 2, 3, 4))]


def test_others_results_need_no_overrides(tmp_path):
    rows = [
        (arm, seed, metric, level + NOISE[(seed + shift) % 5])
        for shift, (arm, level) in enumerate({"bert": 4.0, "large": 3.9, "cased": 4.0, "bpe": 4.1}.items())
        for seed in range(5) for metric in (METRIC, BITS)
    ]  # fmt: skip
    path = tmp_path / "results.csv"
    pd.DataFrame(rows, columns=["arm", "seed", "metric", "value"]).to_csv(path, index=False)
    judged = {one.claim.id: one for one in api.judge(path, read_study(together(RATES, with_bytes()))).claims}
    assert judged["larger"].verdict.verdict == "supported"
    assert judged["bpe"].verdict.verdict == "contradicted"
    assert judged["larger"].verdict.family_size == 2


def test_power_is_planned_in_each_studys_own_family():
    study = read_study(together(MASKS, RATES))
    given = {METRIC: 0.05}
    planned = {claim.id: plan for claim, plan in outlooks(study, given, ())}
    apart = {claim.id: plan for one in (MASKS, RATES) for claim, plan in outlooks(read_study(one), given, ())}
    assert planned == apart
    assert planned["larger"].mde > planned["masks"].mde


def test_pilots_at_other_learning_rates_are_no_pilots(folder):
    everything = outlooks(read_study(RATES), {}, read(folder).archive.runs)
    plain = [run for run in read(folder).archive.runs if "lr_ladder" not in run.variant]
    assert everything == outlooks(read_study(RATES), {}, plain)


def test_the_report_groups_claims_by_their_study(folder, tmp_path):
    page = api.report(folder, out=tmp_path / "report").read_text()
    places = [page.index(f'<h3 class="family">{name}: ') for name in ("masks", "rates", "text")]
    first = [page.index(f'id="claim-{number}"') for number in (1, 2, 3, 4)]
    assert places[0] < first[0] < places[1] < first[1] < first[2] < places[2] < first[3]
    assert "rates: Batches? (2 claims share alpha 0.04)" in page
    table = pd.read_csv(tmp_path / "report" / "runs.csv")
    assert set(table["arm"]) == {"bert", "dynamic", "quarter", "large", "cased", "bpe"}
    again = api.report(tmp_path / "report", out=tmp_path / "again").read_text()
    assert again == page
    verdicts = (tmp_path / "report" / "verdicts.json").read_text()
    assert json.loads(verdicts) == as_plain(read(folder).material.judgement)
    text = (tmp_path / "report" / "report.md").read_text()
    assert "adjusted over the claims of each included study" in text


def test_the_terminal_names_the_study_of_each_claim(folder, capsys):
    wide_console().print(render(api.judge(folder)))
    shown = capsys.readouterr().out
    assert "family" in shown
    assert shown.index("masks") < shown.index("larger") < shown.index("bpe")
