"""Others' results as a csv of arm, seed, metric and value."""

import pytest
from synthetic_claim import METRIC, NOISE, study_of, verdict

from ablate import api
from ablate.errors import UserError

CSV = "arm,seed,metric,value\n"


def rows(arm, values, metric=METRIC):
    return "".join(f"{arm},{seed},{metric},{value}\n" for seed, value in enumerate(values))


def test_others_results_are_judged(tmp_path, folder):
    path = tmp_path / "results.csv"
    text = CSV + rows("bert", 4 + NOISE) + rows("dynamic", 3.5 + NOISE[::-1]) + rows("quarter", 5 + NOISE**2)
    path.write_text(text)
    theirs, ours = api.judge(path, study_of()).claims[0], verdict(folder)
    assert theirs.verdict.p == pytest.approx(ours.verdict.p)
    assert theirs.registered is None
    wide = "arm,seed,val/mlm_loss\n" + "".join(
        f"{arm},{s},{level + e}\n" for arm, level in (("bert", 4), ("dynamic", 3.5)) for s, e in enumerate(NOISE)
    )
    path.write_text(wide)
    assert "every seed gives the same contrast" in api.judge(path, study_of()).claims[0].verdict.reason


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("arm,seed,value\nbert,0,1\n", "needs the columns arm, seed, metric, value"),
        (CSV + "bert,0,val/mlm_loss,x\n", "row 2: value=x is not a number"),
        (CSV + "bert,zero,val/mlm_loss,1\n", "seed=zero is not a number"),
        (CSV + "bert,0,val/mlm_loss,1\nbert,0,val/mlm_loss,2\n", "bert, seed 0 is there twice"),
        ("", "cannot be read as csv"),
    ],
)
def test_mistakes_in_a_csv_are_one_line(tmp_path, text, words):
    path = tmp_path / "results.csv"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        api.judge(path, study_of())
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unbalanced_seeds_of_others_are_paired_and_said(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text(CSV + rows("bert", 4 + NOISE) + rows("dynamic", (3.5 + NOISE[::-1])[:4]))
    one = api.judge(path, study_of()).claims[0]
    assert one.verdict.n == 4
    assert "seed 4 is left out: there is no dynamic" in one.notes
