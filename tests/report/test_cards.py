"""What a card says, for every kind of claim, against numbers worked out by hand."""

from dataclasses import replace

import pytest
from synthetic_runs import write_run

from ablate.report.cards import answer_of, cards_of
from ablate.report.collect import read
from ablate.report.glyph import WIDTH
from ablate.report.origins import Origin
from ablate.report.threats import threats_of
from ablate.studies.registration import register
from ablate.studies.study import read_study

NOISE = (0.0, 0.02, -0.01, 0.01, -0.02, 0.0)
LEVELS = {"bert": (4.0, 10.0), "half": (4.5, 5.0), "quarter": (5.0, 2.5)}  # held-out loss in nats, seconds
CLAIMS = (
    {"id": "rise", "says": "more is better", "kind": "trend", "contrast": ["quarter", "half", "bert"],
     "metric": "val/mlm_loss", "margin": 0.1, "factors": ["budget"]},
    {"id": "fast", "says": "half is fast", "kind": "speed", "contrast": "bert / half", "metric": "train/seconds",
     "threshold": 1.6, "factors": ["budget"]},
    {"id": "none", "says": "half is better", "kind": "superiority", "contrast": "half - bert",
     "metric": "val/mlm_loss", "margin": 0.1, "factors": ["budget"],
     "published": [{"table": "RoBERTa T4", "row": "RoBERTa-large + pretrain even longer",
                    "against": "RoBERTa-large + pretrain longer", "dataset": "MNLI-m-dev"}]},
    {"id": "kl", "says": "it is arithmetic", "kind": "exact", "contrast": {"check": "kl_is_cross_entropy"}},
    {"id": "lost", "says": "nobody measured it", "kind": "superiority", "contrast": "half - bert",
     "metric": "sst2/accuracy", "factors": ["budget"]},
)  # fmt: skip


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "kinds"
    study = read_study({"name": "kinds", "question": "?", "baseline": "bert", "arms": list(LEVELS), "seeds": 6,
                        "claims": [dict(claim) for claim in CLAIMS]})  # fmt: skip
    register(folder, study, asked={})
    for number, (arm, (loss, seconds)) in enumerate(LEVELS.items()):
        for seed, noise in enumerate(NOISE):
            metrics = {"val/mlm_loss": loss + noise * (1 + number / 2), "val/unigram_loss": 5.2, "params": 1e6,
                       "train/seconds": seconds * (1 + noise * number)}  # fmt: skip
            write_run(folder, arm, seed, metrics, changes={"budget.amount": int(20480 * seconds)})
    return read(folder)


@pytest.fixture(scope="module")
def cards(collected):
    made = cards_of(collected.material.judgement, collected.material.runs)
    return {card.id: card for card in made}


def test_the_answer_counts_the_verdicts(collected):
    cards = cards_of(collected.material.judgement, collected.material.runs)
    assert answer_of(cards) == "Of 5 claims: 3 supported, 1 contradicted and 1 not testable."


def test_a_trend_shows_its_parts(cards):
    card = cards["rise"]
    assert card.contrast == "quarter < half < bert"
    assert [part[0] for part in card.parts] == ["bert − quarter", "half − quarter", "bert − half"]
    assert [part[1] for part in card.parts] == ["+1.000", "+0.5000", "+0.5000"]
    assert card.unit == "nats"


def test_a_speed_is_a_ratio_with_its_bound_drawn(cards):
    card = cards["fast"]
    assert card.effect.startswith("2.0") and card.effect.endswith("×")
    assert card.glyph.origin_label == "1"
    assert [text for _, text in card.glyph.bounds] == ["1.6"]
    assert card.glyph.origin < card.glyph.bounds[0][0] < card.glyph.low < card.glyph.estimate < card.glyph.high
    assert card.glyph.region == (card.glyph.bounds[0][0], WIDTH)


def test_a_contradiction_states_its_own_p(cards):
    card = cards["none"]
    assert (card.verdict, card.mark) == ("contradicted", "✕")
    assert card.effect == "−0.5000"
    assert card.p == "p < .001 against it"
    assert card.published[0].figures == (("MNLI-m-dev accuracy", "+0.2", "90.2 against 90.0"),)


def test_an_exact_claim_has_no_effect_and_an_unmeasured_one_says_why(cards):
    assert (cards["kl"].verdict, cards["kl"].effect, cards["kl"].glyph) == ("supported", "", None)
    assert cards["lost"].verdict == "not testable"
    assert cards["lost"].effect == ""
    assert cards["lost"].reason.startswith("The runs of half, bert have no sst2/accuracy")


def test_cost_counts_the_runs_of_the_claims_arms_once(cards):
    facts = dict(cards["fast"].facts)
    assert facts["Cost"].startswith("12 runs, 90 s of training, 246 k tokens")
    assert facts["Seeds"] == "6 (0 to 5)"


def test_threats_name_the_plateau_the_unmeasured_and_the_single_learning_rate(collected):
    threats = dict(threats_of(collected))
    assert threats["Plateau"].startswith("quarter: on average less than 0.5 nats below")
    assert threats["Refused claims"].endswith("lost.")
    assert "Learning rate" in threats
    assert "Encodings" not in threats
    assert "Lost runs" not in threats
    assert "Verdicts rest on 6 paired seeds" in threats["Seeds"]


def test_arms_worse_than_word_frequencies_are_not_said_to_be_on_the_plateau(collected):
    runs = tuple(
        replace(run, record=replace(run.record, metrics={**run.metrics, "val/unigram_loss": 1.0}))
        if run.arm == "half" else run for run in collected.material.runs
    )  # fmt: skip
    threats = dict(threats_of(replace(collected, material=replace(collected.material, runs=runs))))
    assert threats["Worse than word frequencies"].startswith("half: on average above")
    assert threats["Plateau"].startswith("quarter: ")
    assert "Runs on the plateau" not in threats


def test_arms_of_other_tokens_are_a_threat(collected):
    changes = {"half": {"tokenizer._target_": ("WordPiece", "ByteBPE")}}
    others = replace(collected, material=replace(collected.material, changes=changes))
    assert dict(threats_of(others))["Encodings"].startswith("half: other tokens than those of bert.")


def test_masks_of_one_pass_are_a_threat(collected):
    assert "Masks" not in dict(threats_of(collected))

    def once(run):
        copies = None if run.arm == "half" else 10
        metrics = {**run.metrics, "train/epochs": 0.9}
        return replace(
            run, identity={**run.identity, "masking": {"copies": copies}}, record=replace(run.record, metrics=metrics)
        )

    runs = tuple(map(once, collected.material.runs))
    threats = dict(threats_of(replace(collected, material=replace(collected.material, runs=runs))))
    assert "no sequence was read a second time" in threats["Masks"]


@pytest.mark.parametrize(
    ("factors", "epochs", "words"),
    [
        (
            ("data_fraction",),
            {"half": 85.0},
            "each fixed mask of a sequence was seen half 8.5 times, those of the other",
        ),
        (("data_fraction",), {"half": 9.0}, None),
        (("masking",), {"half": 20.0, "bert": 20.0}, "trained as the other is: 50% of the 20 passes"),
        (("masking",), {"half": 20.0, "bert": 9.0}, None),
    ],
)
def test_masks_that_came_again_are_a_threat(collected, factors, epochs, words):
    def read(run):
        metrics = {**run.metrics, "train/epochs": epochs.get(run.arm, 4.0)}
        copies = None if "masking" in factors and run.arm == "bert" else 10
        return replace(
            run, identity={**run.identity, "masking": {"copies": copies}}, record=replace(run.record, metrics=metrics)
        )

    material = collected.material
    claims = [replace(one, claim=replace(one.claim, factors=factors)) for one in material.judgement.claims]
    material = replace(
        material, runs=tuple(map(read, material.runs)), judgement=replace(material.judgement, claims=tuple(claims))
    )
    threats = dict(threats_of(replace(collected, material=material)))
    assert words in threats["Masks"] if words else "Masks" not in threats


def test_several_machines_are_a_threat(collected):
    assert "Machines" not in dict(threats_of(collected))
    places = [run.directory for run in collected.material.runs[:2]]
    origins = {place: Origin(machine=name) for place, name in zip(places, ("one", "another"), strict=True)}
    of_two = replace(collected, archive=replace(collected.archive, origins=origins))
    assert dict(threats_of(of_two))["Machines"].startswith("The runs come from 2 kinds of machine")


@pytest.mark.parametrize(("start", "read"), [("ablate.models.init.from_teacher", True), ("mine.other", False)])
def test_what_a_teacher_costs_and_has_read_is_a_threat(collected, start, read):
    assert "Teachers" not in dict(threats_of(collected))
    taught = {"teacher": {"recipe": "of bert"}, "init": {"_target_": start}}
    runs = [replace(run, identity={**run.identity, **taught}) if run.arm == "half" else run
            for run in collected.material.runs]  # fmt: skip
    said = dict(threats_of(replace(collected, material=replace(collected.material, runs=tuple(runs)))))["Teachers"]
    assert said.startswith("half: tokens, FLOPs and times are those of the student's training")
    assert said.endswith("half: the weights at the start are a teacher's, so that its text was read, too.") == read


def with_metrics(collected, metrics_of):
    material = collected.material
    runs = [replace(r, record=replace(r.record, metrics={**r.metrics, **metrics_of(r)})) for r in material.runs]
    return replace(collected, material=replace(material, runs=tuple(runs)))


def test_a_measure_that_says_otherwise_is_a_threat(collected):
    agreeing, others = {"bert": 1.0, "half": 2.0, "quarter": 3.0}, {"bert": 1.0, "half": 0.5, "quarter": 3.0}
    assert "Measure" not in dict(threats_of(with_metrics(collected, lambda r: {"val/bits_per_char": agreeing[r.arm]})))
    said = dict(threats_of(with_metrics(collected, lambda r: {"val/bits_per_char": others[r.arm]})))["Measure"]
    assert said.startswith(
        "In bits per character the effect has the other sign: rise (−0.500 bits), none (+0.500 bits)."
    )


def test_speeds_unlike_between_seeds_are_a_threat(collected):
    even = with_metrics(collected, lambda r: {"train/tokens_per_s": 100.0 + r.seed})
    assert "Times" not in dict(threats_of(even))
    uneven = with_metrics(collected, lambda r: {"train/tokens_per_s": 100.0 + 40.0 * (r.seed == 3 and r.arm == "half")})
    assert dict(threats_of(uneven))["Times"].startswith("half: the fastest seed trained more than 1.25 times as fast")


def test_single_runs_that_learnt_nothing_are_a_threat(collected):
    assert {"Runs on the plateau", "Failed fine-tuning"}.isdisjoint(dict(threats_of(collected)))
    stuck = with_metrics(collected, lambda r: {"val/mlm_loss": 5.1} if (r.arm, r.seed) == ("bert", 2) else {})
    assert dict(threats_of(stuck))["Runs on the plateau"].startswith("bert seed 2: less than 0.5 nats")
    failed = with_metrics(collected, lambda r: {"topic/degenerate": 2.0 * (r.arm == "half" and r.seed == 1)})
    assert dict(threats_of(failed))["Failed fine-tuning"].startswith("half seed 1 (2): so many fine-tunings")
