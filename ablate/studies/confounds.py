"""What else differs between the arms of a claim, and claims that their own arms cannot test."""

from collections.abc import Mapping

from ablate.errors import UserError
from ablate.stats.claims import Part, parts_of
from ablate.studies.claims import StudyClaim
from ablate.studies.encodings import unit_problem
from ablate.studies.exact import Recipes
from ablate.studies.factors import Changed, confounds, factor_of, listed_keys
from ablate.studies.study import Study


def confounded(claim: StudyClaim, recipes: Recipes) -> Changed:
    """Keys outside the claim's factors in which its arms differ, as `arm against arm: key`; empty if none decides.

    What differs outside may cancel, as in a factorial: within each level of it the coefficients must sum to 0.
    """
    found: Changed = {}
    for part in parts_of(claim.test):
        arms = [arm for arm in part.contrast.arms if arm in recipes]
        outside = {arm: confounds(recipes[arms[0]], recipes[arm], allowed=claim.factors) for arm in arms}
        if not _cancels(part, outside):
            found |= {f"{arm} against {arms[0]}: {key}": pair for arm in arms for key, pair in outside[arm].items()}
    return found


def _cancels(part: Part, outside: Mapping[str, Changed]) -> bool:
    levels: dict[str, float] = {}
    for arm, coefficient in part.contrast.coefficients:
        if arm in outside:
            level = repr(sorted((key, repr(new)) for key, (_, new) in outside[arm].items()))
            levels[level] = levels.get(level, 0.0) + coefficient
    return len(levels) <= 1 or all(abs(total) < 1e-9 for total in levels.values())


def confound_sentence(claim: StudyClaim, found: Changed) -> str:
    """The refusal, naming factors and keys."""
    names = sorted({factor_of(key.rsplit(": ", 1)[1]) for key in found})
    return (
        f"confounded: the arms may differ in {', '.join(claim.factors)} only, and differ in {', '.join(names)}: "
        f"{listed_keys(found)}"
    )


def check_recipes(study: Study, recipes: Recipes) -> None:
    """Refuse claims that these arms cannot test, before any run.

    Raises:
        UserError: a claim whose arms differ in other factors too, do not differ at all, or have no unit in common.
    """
    for claim in _testable(study, recipes):
        found = confounded(claim, recipes)
        if found:
            raise UserError(f"study {study.name}: claim {claim.id}: {confound_sentence(claim, found)}")
        problem = unit_problem(claim, recipes)
        if problem:
            raise UserError(f"study {study.name}: claim {claim.id}: {problem}")
        for part in parts_of(claim.test):
            first, *others = part.contrast.arms
            if all(not confounds(recipes[first], recipes[arm], allowed=()) for arm in others):
                names = " and ".join(part.contrast.arms)
                raise UserError(f"study {study.name}: claim {claim.id}: {names} are the same recipe and cannot differ")


def check_epochs(study: Study, recipes: Recipes, train_tokens: Mapping[str, int]) -> None:
    """Refuse claims about masks or data that the budget is too short to test.

    train_tokens: tokens of the training documents at the arm's data.fraction.

    Raises:
        UserError: fixed masks that are never repeated, or fractions that are all read at most once.
    """
    for claim in _testable(study, recipes):
        problem = _never_repeated(claim, recipes, train_tokens)
        if problem:
            raise UserError(f"study {study.name}: claim {claim.id}: {problem}")


def _testable(study: Study, recipes: Recipes) -> list[StudyClaim]:
    """Claims that need runs, of the arms at hand: a command line may ask for some of a study's arms."""
    return [claim for claim in study.claims if claim.kind != "exact" and set(claim.arms) <= set(recipes)]


def _never_repeated(claim: StudyClaim, recipes: Recipes, train_tokens: Mapping[str, int]) -> str | None:
    arms = claim.arms
    budgets = [recipes[arm]["budget"] for arm in arms]
    if any(budget["match"] != "tokens" or budget["amount"] is None for budget in budgets):
        return None
    epochs = max(budget["amount"] / train_tokens[arm] for arm, budget in zip(arms, budgets, strict=True))
    keys = {key for arm in arms[1:] for key in confounds(recipes[arms[0]], recipes[arm], allowed=())}
    if keys == {"masking.copies"}:
        fewest = min(copies for arm in arms if (copies := recipes[arm]["masking"]["copies"]) is not None)
        if epochs <= fewest:
            return (
                f"{' and '.join(arms)} cannot differ: at {epochs:.2g} epochs {fewest} fixed masks are never repeated; "
                "take less data (data.fraction) or a larger budget"
            )
    if keys == {"data.fraction"} and epochs <= 1:
        return (
            f"{', '.join(arms)} cannot differ in what they repeat: at {epochs:.2g} epochs each document is read at "
            "most once; take a larger budget or smaller fractions"
        )
    return None
