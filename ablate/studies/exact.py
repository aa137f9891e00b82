"""Exact claims: named checks that need no statistics, by arithmetic on recipes or on the losses themselves."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ablate.config.science import difference

Recipes = Mapping[str, Mapping[str, Any]]  # by arm: its resolved recipe
Outcome = tuple[bool, str]  # whether it holds, and what was compared

_SURROUNDINGS = ("model.token_types", "model.name", "model.max_length")  # follow from input and tokenizer


def same_encoder(arms: Sequence[str], recipes: Recipes) -> Outcome:
    """Whether the arms have the same encoder layers; vocabulary, token types and NSP head are listed, not judged."""
    a, b = (dict(recipes[arm]) for arm in arms)
    changed = difference({"model": a["model"]}, {"model": b["model"]})
    layers = {key: values for key, values in changed.items() if key not in _SURROUNDINGS}
    if layers:
        listed = ", ".join(f"{key}: {old} against {new}" for key, (old, new) in layers.items())
        return False, f"the encoders differ: {listed}"
    around = difference(_around(a), _around(b))
    outside = ", ".join(f"{key} ({old} against {new})" for key, (old, new) in around.items()) or "nothing"
    model = a["model"]
    size = f"{model.get('layers')} layers of width {model.get('width')}"
    return True, f"{arms[0]} and {arms[1]} have the same {size}; outside the encoder differs: {outside}"


def kl_is_cross_entropy(arms: Sequence[str], recipes: Recipes) -> Outcome:
    """Whether KL divergence from a one-hot target equals cross-entropy, in value, on 1,000 rows of logits.

    The target's own entropy is what the two differ by, and a one-hot target has none.
    """
    del arms, recipes
    import torch
    import torch.nn.functional as F

    logits = torch.randn(1000, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(1000) % 64
    target = F.one_hot(labels, 64).double()
    divergence = F.kl_div(F.log_softmax(logits, dim=-1), target, reduction="batchmean")
    gap = abs(float(divergence - F.cross_entropy(logits, labels)))
    size = "below 1e-12" if gap < 1e-12 else f"{gap:.1g}"  # by the machine 0 or some 1e-16
    return gap < 1e-12, f"the largest gap over 1,000 rows of logits is {size} nats"


def distilbert_is_forty_percent_smaller(arms: Sequence[str], recipes: Recipes) -> Outcome:
    """Whether DistilBERT's shape has 40 % fewer parameters than BERT-base's, to the precision of that figure.

    Counted from transformers' own models. The paper's 40 % are of millions as printed (110 and 66).
    """
    del arms, recipes
    import torch
    from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel

    from ablate.models.cost import count_parameters

    with torch.device("meta"):
        large, small = (count_parameters(m)[0] for m in (BertModel(BertConfig()), DistilBertModel(DistilBertConfig())))
    share = 1 - small / large
    counted = f"{small / 1e6:.1f} M parameters against {large / 1e6:.1f} M are {100 * share:.1f} % fewer"
    return round(share, 1) == 0.4, f"{counted}, which is 40 % to the precision of the paper's figure"


CHECKS: dict[str, Callable[[Sequence[str], Recipes], Outcome]] = {
    check.__name__: check for check in (same_encoder, kl_is_cross_entropy, distilbert_is_forty_percent_smaller)
}

ARMS_COMPARED = {same_encoder.__name__: 2}  # the other checks compare no arms


def run_check(contrast: Mapping[str, Any], recipes: Recipes) -> Outcome | None:
    """The outcome of an exact claim's check; None where a recipe that it needs is not known."""
    arms = [str(arm) for arm in contrast.get("arms", ())]
    if any(arm not in recipes for arm in arms):
        return None
    return CHECKS[contrast["check"]](arms, recipes)


def _around(recipe: Mapping[str, Any]) -> dict[str, Any]:
    tokenizer, model = recipe.get("tokenizer", {}), recipe.get("model", {})
    return {
        "vocabulary": tokenizer.get("vocab_size", math.nan),
        "tokenizer": str(tokenizer.get("_target_", "")).rpartition(".")[2],
        "token types": model.get("token_types"),
        "NSP head": recipe.get("nsp"),
    }
