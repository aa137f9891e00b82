"""Claims: the parts of each kind, and mistakes in words before any run starts."""

import math
import subprocess
import sys

import pytest

from ablate.errors import UserError
from ablate.stats.claims import KINDS, Claim, check_claim, parts_of

ARMS = ["base", "a", "b", "ab", "student", "teacher"]
STACK = {"base": "base", "a": "a", "b": "b", "ab": "ab"}


def bounds(claim: Claim) -> list[tuple[str, float, float]]:
    return [(part.name, part.low, part.high) for part in parts_of(claim)]


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        (Claim(id="c", kind="superiority", contrast="a - base"), [("a - base", 0.0, math.inf)]),
        (Claim(id="c", kind="superiority", contrast="a - base", threshold=0.5), [("a - base", 0.5, math.inf)]),
        (Claim(id="c", kind="non_inferiority", contrast="a - base", margin=0.1), [("a - base", -0.1, math.inf)]),
        (Claim(id="c", kind="equivalence", contrast="a - base", margin=0.1), [("a - base", -0.1, 0.1)]),
        (Claim(id="c", kind="retention", contrast="a - 0.97*b"), [("a - 0.97*b", 0.0, math.inf)]),
        (Claim(id="c", kind="speed", contrast="base / a", threshold=1.6), [("base / a", math.log(1.6), math.inf)]),
        (Claim(id="c", kind="additivity", contrast="ab - a - b + base", margin=2), [("ab - a - b + base", -2.0, 2.0)]),
        (
            Claim(id="c", kind="trend", contrast=["base", "a", "ab"], margin=0.2),
            [("ab - base", 0.0, math.inf), ("a - base", -0.2, math.inf), ("ab - a", -0.2, math.inf)],
        ),
        (Claim(id="c", kind="stack", contrast=STACK), [("ab - a", 0.0, math.inf), ("ab - b", 0.0, math.inf)]),
        (Claim(id="c", kind="exact"), []),
    ],
    ids=lambda value: value.kind if isinstance(value, Claim) else "",
)
def test_every_kind_states_the_bounds_of_stats_section_5(claim: Claim, expected: list) -> None:
    assert bounds(claim) == expected
    check_claim(claim, ARMS)


def test_the_cases_cover_every_kind() -> None:
    assert len(KINDS) == 9


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        (
            Claim(id="c", kind="superority", contrast="a - b"),
            "unknown kind 'superority'; did you mean one of: superiority",
        ),
        (Claim(id="c", kind="non_inferiority", contrast="a - b"), "needs a margin"),
        (Claim(id="c", kind="equivalence", contrast="a - b"), "needs a margin"),
        (Claim(id="c", kind="trend", contrast=["a", "b", "ab"]), "needs a margin"),
        (Claim(id="c", kind="equivalence", contrast="a - b", margin=0.0), "margin must be above 0"),
        (Claim(id="c", kind="equivalence", contrast="a - b", margin=-1.0), "margin must be above 0"),
        (Claim(id="c", kind="equivalence", contrast="a - b", margin=math.nan), "margin must be a finite number"),
        (Claim(id="c", kind="retention", contrast="a - 0.9*b", margin=0.1), "kind retention takes no margin"),
        (Claim(id="c", kind="equivalence", contrast="a - b", margin=1, threshold=1), "takes no threshold"),
        (Claim(id="c", kind="superiority", contrast="a - b", margin=1, threshold=1), "cannot go with a threshold"),
        (Claim(id="c", kind="superiority", contrast="a - b", effect=math.inf), "effect must be a finite number"),
        (Claim(id="c", kind="superiority", contrast="a - 0.97*b"), "sum to 0.03, not 0"),
        (Claim(id="c", kind="superiority", contrast=""), "takes an expression over arms"),
        (Claim(id="c", kind="superiority", contrast=["a", "b"]), "takes an expression over arms"),
        (Claim(id="c", kind="superiority", contrast="a - zz"), "unknown arm 'zz'"),
        (Claim(id="c", kind="additivity", contrast="a - b", margin=1), "takes four arms"),
        (Claim(id="c", kind="retention", contrast="a + b"), "retention compares arms"),
        (Claim(id="c", kind="speed", contrast="a - b"), "takes the ratio of two arms"),
        (Claim(id="c", kind="speed", contrast="a / b", threshold=-1.6), "ratio above 0"),
        (Claim(id="c", kind="speed", contrast="a / b", effect=0.0), "ratio above 0"),
        (Claim(id="c", kind="trend", contrast=["a", "b"], margin=1), "at least three different arms"),
        (Claim(id="c", kind="trend", contrast=["a", "b", "a"], margin=1), "at least three different arms"),
        (Claim(id="c", kind="trend", contrast="a - b", margin=1), "at least three different arms"),
        (Claim(id="c", kind="stack", contrast="ab - a"), "four different arms under the keys base, a, b, ab"),
        (Claim(id="c", kind="stack", contrast={"base": "base", "a": "a"}), "four different arms"),
        (Claim(id="c", kind="stack", contrast={**STACK, "b": "a"}), "four different arms"),
    ],
)
def test_a_claim_that_cannot_be_tested_is_refused_in_words(claim: Claim, words: str) -> None:
    with pytest.raises(UserError) as raised:
        check_claim(claim, ARMS)
    assert words in str(raised.value)
    assert "'c'" in str(raised.value) or "unknown arm" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_strict_trend_has_a_margin_of_0() -> None:
    strict = Claim(id="c", kind="trend", contrast=["base", "a", "ab"], margin=0.0)
    assert [low for _, low, _ in bounds(strict)] == [0.0, 0.0, 0.0]


def test_assumed_truths() -> None:
    def assumed(**changes: object) -> list[float | None]:
        return [part.assumed for part in parts_of(Claim(id="c", **changes))]

    assert assumed(kind="superiority", contrast="a - b") == [None]
    assert assumed(kind="superiority", contrast="a - b", margin=0.2) == [0.2]
    assert assumed(kind="superiority", contrast="a - b", margin=0.2, effect=0.5) == [0.5]
    assert assumed(kind="non_inferiority", contrast="a - b", margin=0.2) == [0.0]
    assert assumed(kind="speed", contrast="a / b", effect=2.0) == [math.log(2.0)]
    assert assumed(kind="trend", contrast=["base", "a", "ab"], margin=0.1, effect=3.0) == [3.0, 1.5, 1.5]


def test_loading_claims_does_not_load_scipy() -> None:
    code = "import sys, ablate.stats.claims; sys.exit('scipy' in sys.modules or 'statsmodels' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
