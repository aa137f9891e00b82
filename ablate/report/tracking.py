"""A report in Weights & Biases: one summary run with the verdicts, the figures, and the page as an artifact."""

import os
from typing import TYPE_CHECKING, Any

from ablate.errors import UserError
from ablate.report.collect import Collected
from ablate.report.compare import VERDICTS
from ablate.report.write import PAGE, TEXT, Written
from ablate.studies.judge import JudgedClaim

if TYPE_CHECKING:
    import wandb

PROJECT = "ablate"  # that of the runs, see conf/logger/wandb.yaml
COLUMNS = ("claim", "says", "kind", "metric", "verdict", "estimate", "low", "high", "p_holm", "n", "registered")


def log_report(collected: Collected, written: Written) -> str:
    """Log it, as a run of job type `report` in the group of the study's runs; says where it went.

    WANDB_MODE=offline needs neither network nor account.

    Raises:
        UserError: wandb is not installed, or refuses.
    """
    try:
        import wandb
    except ImportError as error:
        raise UserError('--wandb: needs the package wandb; pip install "ablate[wandb]"') from error
    try:
        run = _start(collected)
    except (wandb.errors.UsageError, wandb.errors.CommError) as error:
        first = str(error).strip().splitlines()[0]
        raise UserError(f"--wandb: {first}; WANDB_MODE=offline needs no account") from error
    with run:
        run.log({"verdicts": _table(collected)})
        run.log({f"figures/{plot.name}": _image(written, plot.name, plot.caption) for plot in written.plots})
        run.log({"page": wandb.Html(str(written.folder / PAGE))})
        run.summary.update(_summary(collected))
        run.log_artifact(_artifact(collected, written))
    return f"logged to {run.url or run.dir}"


def _start(collected: Collected) -> "wandb.Run":
    import wandb

    study = collected.material.judgement.study
    return wandb.init(
        project=os.environ.get("WANDB_PROJECT", PROJECT), group=study.name, job_type="report",
        name=f"report {collected.archive.name}", notes=study.question,
        config={"study": dict(study.plain), "study_id": study.id, "report": collected.archive.name},
    )  # fmt: skip


def _table(collected: Collected) -> "wandb.Table":
    import wandb

    return wandb.Table(columns=list(COLUMNS), data=[_row(one) for one in collected.material.judgement.claims])


def _row(one: JudgedClaim) -> list[Any]:
    claim, verdict = one.claim, one.verdict
    low, high = verdict.interval or (None, None)
    return [
        claim.id, claim.says, claim.kind, claim.metric, verdict.verdict, verdict.estimate, low, high, verdict.p_holm,
        verdict.n, one.registered,
    ]  # fmt: skip


def _image(written: Written, name: str, caption: str) -> "wandb.Image":
    import wandb

    return wandb.Image(str(written.folder / "figures" / f"{name}.png"), caption=caption)


def _summary(collected: Collected) -> dict[str, Any]:
    judgement = collected.material.judgement
    words = [one.verdict.verdict for one in judgement.claims]
    return {
        **{f"claims/{word}": words.count(word) for word in sorted(set(words))},
        **{f"verdict/{one.claim.id}": one.verdict.verdict for one in judgement.claims},
        **{f"estimate/{one.claim.id}": one.verdict.estimate for one in judgement.claims if one.verdict.estimate},
        "runs": len(collected.material.runs),
    }


def _artifact(collected: Collected, written: Written) -> "wandb.Artifact":
    import wandb

    artifact = wandb.Artifact(_artifact_name(collected.archive.name), type="report")
    for name in (PAGE, TEXT, VERDICTS):
        artifact.add_file(str(written.folder / name), name=name)
    for folder in ("figures", "tables"):
        if (written.folder / folder).is_dir():
            artifact.add_dir(str(written.folder / folder), name=folder)
    return artifact


def _artifact_name(name: str) -> str:
    """Letters, digits, dots, dashes and underscores are all that a name there may have, and at most 128 of them."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in f"report-{name}")[:128]
