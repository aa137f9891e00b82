"""Metrics whose unit depends on how text is encoded: arms that encode it otherwise have none in common."""

import re
from collections.abc import Mapping
from typing import Any

from ablate.config.science import difference
from ablate.studies.claims import StudyClaim
from ablate.studies.factors import listed_keys

_PER_TOKEN = re.compile(r"(val|teacher)/([a-z0-9_]+/)?(mlm_loss(/[a-z]+)?|mlm_accuracy|perplexity)|train/(mlm_)?loss")
_PER_CHARACTER = "val/bits_per_char"
_CONTENT = "corpus"  # of the tokenizer's identity: what it made of the data, which follows


def unit_problem(claim: StudyClaim, recipes: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Why the metric is not in one unit over the claim's arms, as a sentence that names keys; None if it is.

    Losses per token of two encodings are of different tokens. Bits per character are of the same characters, unless one
    encoding drops the capitals that the other one has to predict.
    """
    arms = [arm for arm in claim.arms if arm in recipes]
    encodings = {arm: _encoding(recipes[arm]) for arm in arms}
    for arm in arms[1:]:
        first = arms[0]
        if _PER_TOKEN.fullmatch(claim.metric) and encodings[arm] != encodings[first]:
            changed = difference({"tokenizer": encodings[first]}, {"tokenizer": encodings[arm]})
            return (
                f"{claim.metric} is per token, and the tokens of {first} and {arm} differ: {listed_keys(changed)}; "
                f"see {_PER_CHARACTER}"
            )
        if claim.metric == _PER_CHARACTER and _drops_case(encodings[arm]) != _drops_case(encodings[first]):
            keeps, drops = (first, arm) if _drops_case(encodings[arm]) else (arm, first)
            return (
                f"{claim.metric} of {keeps} counts the capitals that {drops} drops before it predicts "
                "(tokenizer.lowercase): compare encodings that both keep or both drop them"
            )
    return None


def is_of_encoding(key: str) -> bool:
    """Whether a dotted key of a recipe decides which tokens a text is cut into."""
    return key.startswith("tokenizer.") and key != f"tokenizer.{_CONTENT}"


def _encoding(recipe: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in recipe.get("tokenizer", {}).items() if is_of_encoding(f"tokenizer.{key}")}


def _drops_case(encoding: Mapping[str, Any]) -> bool:
    return bool(encoding.get("lowercase", False))
