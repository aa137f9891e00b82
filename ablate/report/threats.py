"""Threats to validity: what a critical reader would ask of these very runs, answered from what is known of them."""

from collections.abc import Iterator, Mapping

import numpy as np

from ablate.config.science import FROM_TEACHER
from ablate.report.arms import finished, of_other_tokens
from ablate.report.cards import shared_alpha
from ablate.report.collect import Collected
from ablate.report.figures.masks import Masks, all_read_once, masks_of
from ablate.report.units import short_number
from ablate.report.words import counted, listed, sentence, signed
from ablate.runs.summary import PLATEAU
from ablate.stats.claims import parts_of
from ablate.stats.contrasts import evaluate
from ablate.stats.remarks import SCREENING
from ablate.studies.judge import JudgedClaim

UNLIKE = 1.25  # ratio of two runs' speeds above which the machine had something else to do
Threat = tuple[str, str]  # a heading of a word or two, a sentence or two


def threats_of(collected: Collected) -> list[Threat]:
    """The threats, gravest first where there is an order."""
    if collected.archive.foreign:
        unknown = "Nothing is known of how these results were made: recipes, budgets, evaluation and when the claims "
        return [("Origin", f"{unknown}were stated. The confound gate had nothing to check."), *_common(collected)]
    return [
        *_scale(collected), *_data(collected), *_encodings(collected), *_masks(collected), *_learning_rate(collected),
        *_teachers(collected), *_measures(collected), *_fine_tuning(collected), *_common(collected), *_code(collected),
        *_machines(collected), *_speed(collected),
    ]  # fmt: skip


def _common(collected: Collected) -> Iterator[Threat]:
    yield from _seeds(collected)
    yield from _claims(collected)
    yield from _runs(collected)
    for note in collected.material.judgement.notes:
        if not _is_failure(note, collected):
            yield "Left out", sentence(note)


def _is_failure(note: str, collected: Collected) -> bool:
    """Whether a note of the judgement is one of those that the table of failures holds already."""
    said = (f"{run.arm} seed {run.seed} is {run.state}: " for run in collected.material.runs if run.state != "done")
    return note.startswith(tuple(said)) or note.endswith("more such runs")


def _scale(collected: Collected) -> Iterator[Threat]:
    judgement = collected.material.judgement
    used = next((arm.used for arm in judgement.arms if arm.arm == judgement.study.baseline), {})
    if "params" in used and "train/tokens" in used:
        scale = collected.archive.setting.scale
        at = f" (scale {scale})" if scale else ""
        yield (
            "Scale",
            f"The baseline has {short_number(used['params'])} parameters and sees {short_number(used['train/tokens'])} "
            f"tokens{at}. BERT-base has 110 M and was trained for a million updates of 256 sequences. A verdict is "
            "about the size that ran; it says something of larger ones as far as the effect does not depend on size.",
        )
    yield from _plateau(collected)


def _plateau(collected: Collected) -> Iterator[Threat]:
    """Arms, and single runs of other arms, that end near the loss of a model that knows word frequencies only."""
    gains = [
        (run, run.metrics["val/unigram_loss"] - run.metrics["val/mlm_loss"])
        for run in collected.material.runs if {"val/unigram_loss", "val/mlm_loss"} <= set(run.metrics)
    ]  # fmt: skip
    of_arm: dict[str, list[float]] = {}
    for run, gain in gains:
        of_arm.setdefault(run.arm, []).append(gain)
    means = {arm: sum(values) / len(values) for arm, values in of_arm.items()}
    above = [arm for arm, gain in means.items() if gain < 0]
    near = [arm for arm, gain in means.items() if 0 <= gain < PLATEAU]
    if above:
        yield (
            "Worse than word frequencies",
            f"{listed(above)}: on average above the loss of a model that knows word frequencies only, with its text or "
            "its masks learnt by heart, or nothing learnt. How far above says little.",
        )
    if near:
        yield (
            "Plateau",
            f"{listed(near)}: on average less than {PLATEAU:g} nats below the loss of a model that knows word "
            "frequencies only. There every recipe looks the same.",
        )
    stuck = [f"{run.arm} seed {run.seed}" for run, gain in gains if gain < PLATEAU and run.arm not in (*near, *above)]
    if stuck:
        yield (
            "Runs on the plateau",
            f"{listed(stuck)}: less than {PLATEAU:g} nats below word frequencies, unlike its arm on average. Such "
            "pairs are judged like any other.",
        )


def _fine_tuning(collected: Collected) -> Iterator[Threat]:
    """Runs with fine-tunings that learnt nothing, which are no failures of the pretraining and are judged."""
    counts = {
        f"{run.arm} seed {run.seed}": int(sum(v for k, v in run.metrics.items() if k.endswith("/degenerate")))
        for run in collected.material.runs
    }
    failed = [f"{name} ({count})" for name, count in counts.items() if count]
    if failed:
        yield (
            "Failed fine-tuning",
            f"{listed(failed)}: so many fine-tunings learnt nothing (a constant answer, or no gain on the training "
            "loss). Their scores are judged like any other.",
        )


def _data(collected: Collected) -> Iterator[Threat]:
    judgement = collected.material.judgement
    used = next((arm.used for arm in judgement.arms if arm.arm == judgement.study.baseline), {})
    prints = sorted({str(r.identity.get("data", {}).get("fingerprint")) for r in collected.material.runs if r.identity})
    name = collected.archive.setting.data
    corpora = "One corpus" if len(prints) == 1 else f"{len(prints)} corpora"
    read = ""
    if {"train/distinct_tokens", "train/epochs"} <= set(used):
        distinct, epochs = short_number(used["train/distinct_tokens"]), used["train/epochs"]
        often = f"{epochs:.2g} times over" if epochs > 1 else f"once, {epochs:.2g} of the text"
        read = f" The baseline reads {distinct} distinct tokens, {often}."
    if prints:
        yield "Data", f"{corpora}{f' ({name})' if name else ''}, in one language and of one kind.{read}"


def _encodings(collected: Collected) -> Iterator[Threat]:
    others = of_other_tokens(collected.material)
    if others:
        baseline = collected.material.judgement.study.baseline
        yield (
            "Encodings",
            f"{listed(others)}: other tokens than those of {baseline}. Losses per token of both are shown and cannot "
            "be compared; claims across them are in scores of tasks or in bits per character.",
        )


def _masks(collected: Collected) -> Iterator[Threat]:
    groups = masks_of(collected.material)
    if len({group.copies for group in groups}) > 1 and all_read_once(groups):
        arms = [arm for group in groups for arm in group.arms]
        yield (
            "Masks",
            f"{listed(arms)}: no sequence was read a second time, and the first masks are the same however they are "
            "drawn, so that nothing here comes of fixed masks or of new ones.",
        )
        return
    of_arm, said = {arm: group for group in groups for arm in group.arms}, dict[str, list[str]]()
    for one in collected.material.judgement.claims:
        of_claim = {arm: of_arm[arm] for arm in one.claim.arms if arm in of_arm}
        text = (_masks_repeated if "masking" not in one.claim.factors else _masks_shared)(of_claim)
        if text:
            said.setdefault(text, []).append(one.claim.id)
    yield from (("Masks", f"{listed(claims)}: {text}") for text, claims in said.items())


def _masks_repeated(arms: Mapping[str, Masks]) -> str | None:
    """Of a claim about something else: some of its arms saw the same masks again, others did not."""
    again = {arm: group.again for arm, group in arms.items() if group.again > 1}
    if not again or len(again) == len(arms):
        return None
    often = ", ".join(f"{arm} {times:.2g} times" for arm, times in again.items())
    return (
        f"each fixed mask of a sequence was seen {often}, those of the other arms once at most. What it costs to read "
        "the same masks again is part of what is found; with masking=dynamic it would not be."
    )


def _masks_shared(arms: Mapping[str, Masks]) -> str | None:
    """Of a claim about masks at equal epochs: how much of the training is the same by construction."""
    fixed = [group.copies for group in arms.values() if group.copies is not None]
    epochs = {group.epochs for group in arms.values()}
    if len(arms) != 2 or len(epochs) > 1 or not fixed:
        return None
    passes = max(epochs)
    share = min(min(fixed) / passes, 1.0) if passes else 1.0
    return (
        f"until its masks come again, an arm with {min(fixed)} of them is trained as the other is: {share:.0%} of the "
        f"{passes:.3g} passes (10 of 40, or 25%, in RoBERTa's table 1)."
    )


def _measures(collected: Collected) -> Iterator[Threat]:
    """Claims in nats per masked token that come out the other way in bits per character, where nothing is shown."""
    other, said = "val/bits_per_char", []
    values = {(r.arm, r.seed): r.metrics[other] for r in collected.material.runs if other in r.metrics}
    for one in collected.material.judgement.claims:
        seeds = [s for s in one.seeds if all((arm, s) in values for arm in one.claim.arms)]
        decided = one.verdict.verdict in ("supported", "contradicted")
        if one.claim.metric != "val/mlm_loss" or not decided or not seeds or one.verdict.estimate is None:
            continue
        scores = {arm: -np.array([values[arm, seed] for seed in seeds]) for arm in one.claim.arms}
        parts = zip(parts_of(one.claim.test), one.verdict.parts, strict=True)
        effect, in_nats = min((float(evaluate(part.contrast, scores).mean()), nats.estimate) for part, nats in parts)
        if (effect > 0) != (in_nats > 0):
            said.append(f"{one.claim.id} ({signed(effect, like=abs(effect) / 10)} bits)")
    if said:
        yield (
            "Measure",
            f"In bits per character the effect has the other sign: {listed(said)}. There whole words are under [MASK]; "
            "a fifth of the positions behind the held-out loss show a token, half of those the right one.",
        )


def _learning_rate(collected: Collected) -> Iterator[Threat]:
    claims = [one for one in collected.material.judgement.claims if one.claim.kind != "exact"]
    alone = [one for one in claims if one.stable is None]
    if alone:
        studies = list(dict.fromkeys(one.family for one in alone if one.family))
        whose = f"{listed(studies)}: each" if len(alone) < len(claims) else "Each"
        yield (
            "Learning rate",
            f"{whose} arm was run at one learning rate; an arm that prefers another one is judged too "
            "harshly. A ladder (optim.lr_ladder) would tell.",
        )


def _seeds(collected: Collected) -> Iterator[Threat]:
    judgement = collected.material.judgement
    tested = [one for one in judgement.claims if one.verdict.p is not None]
    if not tested:
        return
    few = [one.claim.id for one in tested if SCREENING in one.verdict.flags]
    low, high = min(one.verdict.n for one in tested), max(one.verdict.n for one in tested)
    n = f"{low}" if low == high else f"{low} to {high}"
    screening = f" Fewer than five, so a screening and no confirmation: {listed(few)}." if few else ""
    families = [one for one in judgement.families or (judgement,) if one.claims]
    shares = [f"{shared_alpha(one)} (Holm)" for one in families]
    if judgement.families:
        shares = [f"{one.study.name}: {text}" for one, text in zip(families, shares, strict=True)]
    yield (
        "Seeds",
        f"Verdicts rest on {n} paired seeds; an effect smaller than what a claim could find (its card says) may be "
        f"there unseen. {'; '.join(shares)}.{screening}",
    )


def _claims(collected: Collected) -> Iterator[Threat]:
    claims = collected.material.judgement.claims
    yield from _named("Refused claims", "Not testable with these runs, for the reasons on their cards", [
        one for one in claims if one.verdict.verdict == "not testable"
    ])  # fmt: skip
    yield from _named("Registration", "Not registered before the first run finished, so exploratory", [
        one for one in claims if one.registered is False
    ])  # fmt: skip


def _named(title: str, sentence: str, claims: list[JudgedClaim]) -> Iterator[Threat]:
    if claims:
        yield title, f"{sentence}: {listed([one.claim.id for one in claims])}."


def _runs(collected: Collected) -> Iterator[Threat]:
    diverged = sum(run.state == "diverged" for run in collected.material.runs)
    others = sum(run.state not in ("done", "diverged") for run in collected.material.runs)
    if diverged:
        yield (
            "Lost runs",
            f"{counted(diverged, 'run')} diverged. Pairs with such runs are left out, which favours an arm that fails "
            "where it would have done badly; the failures are listed above.",
        )
    if others:
        yield "Unfinished runs", f"{counted(others, 'run')} gave no numbers yet; claims that need them wait for them."


def _code(collected: Collected) -> Iterator[Threat]:
    origins = list(collected.archive.origins.values())
    versions = sorted({str(one.git_sha) for one in origins})
    if len(versions) > 1:
        yield "Code", f"The runs come from {len(versions)} versions of the code; the provenance lists them."
    changed = sum(bool(one.git_dirty) for one in origins)
    if changed:
        were = "was" if changed == 1 else "were"
        yield (
            "Uncommitted code",
            f"{counted(changed, 'run')} {were} made from code with changes that are in no commit.",
        )


def _teachers(collected: Collected) -> Iterator[Threat]:
    """Students cost more than they are charged with, and may begin where their teacher ended."""
    taught = {run.arm: run.identity for run in collected.material.runs if run.identity.get("teacher")}
    if not taught:
        return
    begun = [arm for arm, recipe in taught.items() if recipe.get("init", {}).get("_target_") == FROM_TEACHER]
    begin = (
        f" {listed(begun)}: the weights at the start are a teacher's, so that its text was read, too." if begun else ""
    )
    yield (
        "Teachers",
        f"{listed(list(taught))}: tokens, FLOPs and times are those of the student's training, a teacher's forward "
        f"passes with them; the training that made the teacher is in none of them.{begin}",
    )


def _speed(collected: Collected) -> Iterator[Threat]:
    """Arms whose runs of one recipe went at speeds so unlike that their times say what else the machine did."""
    speeds = finished(collected.material, "train/tokens_per_s")
    unlike = [arm for arm, of_seed in speeds.items() if max(of_seed.values()) > UNLIKE * min(of_seed.values())]
    if unlike:
        yield (
            "Times",
            f"{listed(unlike)}: the fastest seed trained more than {UNLIKE:g} times as fast as the slowest, so that "
            "training times (costs, curves against seconds) also show what else the machine did.",
        )


def _machines(collected: Collected) -> Iterator[Threat]:
    machines = sorted({one.machine for one in collected.archive.origins.values() if one.machine})
    if len(machines) > 1:
        yield (
            "Machines",
            f"The runs come from {len(machines)} kinds of machine, which round differently; the provenance lists them. "
            "No claim compares their times; the table of costs and the curves against seconds average over them.",
        )
