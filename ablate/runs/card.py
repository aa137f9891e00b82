"""The model card of an exported run: what it was trained by and on, what it scored, how to load it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ablate.config.described import Described
from ablate.models.convert import Kind
from ablate.runs.provenance import commit_text
from ablate.runs.record import Record
from ablate.runs.summary import plateau_warning

NAMES = {"bert": "BERT", "roberta": "RoBERTa", "distilbert": "DistilBERT"}
_NO_SCORES = ("train/", "latency_ms", "throughput_examples_per_s", "flops_per_token", "peak_memory_mb", "params")
_DETAILS = ("/median", "/degenerate", "/learning_rate", "/examples_per_s")


@dataclass(frozen=True, kw_only=True)
class Card:
    """What the card is made of."""

    record: Record
    recipe: Described
    provenance: Mapping[str, Any]
    kind: Kind
    folder: str  # the exported folder's name
    mask: str  # the mask token


def model_card(card: Card) -> str:
    """README.md: a YAML header as the Hugging Face hub reads it, then Markdown."""
    r = card.record
    lines = [
        *("---", "library_name: transformers", "pipeline_tag: fill-mask", "tags:", "- ablate", f"- {card.kind}", "---"),
        f"# {r.arm}, seed {r.seed}\n",
        f"A {NAMES[card.kind]} masked language model: run `{r.run_id}` of ablate, arm `{r.arm}`, seed {r.seed}, "
        f"study `{r.study}`.\n",
        *_recipe(card), *_data(card), *_scores(r), *_loading(card),
    ]  # fmt: skip
    return "\n".join(lines)


def _recipe(card: Card) -> list[str]:
    said = [f"## Recipe\n\n{card.recipe.description}. Source: {card.recipe.source}. Scale: `{card.recipe.scale}`.\n"]
    if not card.recipe.changes:
        return [*said, "It is the baseline, with nothing changed.\n"]
    rows = [f"| `{key}` | {_cell(old)} | {_cell(new)} |" for key, (old, new) in card.recipe.changes.items()]
    head = [
        "Against the baseline (BERT's recipe) at the same scale:\n",
        "| key | baseline | this run |",
        "| --- " * 3 + "|",
    ]
    return [*said, *head, *rows, ""]


def _data(card: Card) -> list[str]:
    m = card.record.metrics
    seen = [
        f"{m[name]:{shape}} {words}"
        for name, shape, words in (
            ("train/tokens", ",.0f", "tokens"), ("train/distinct_tokens", ",.0f", "of them distinct"),
            ("train/epochs", ".2f", "epochs"), ("train/updates", ",.0f", "updates"), ("train/flops", ".3g", "FLOPs"),
        ) if name in m
    ]  # fmt: skip
    share = "" if card.recipe.fraction == 1 else f", {100 * card.recipe.fraction:g} % of its training documents"
    return [
        f"## Data\n\n`{card.recipe.data}`{share} (fingerprint `{card.provenance['data_fingerprint']}`): "
        f"{', '.join(seen)}, in sequences of at most {card.recipe.length} tokens.\n"
    ]


def _scores(record: Record) -> list[str]:
    """Every final metric, without single fine-tuning seeds and what training cost."""
    named = {
        name: value for name, value in sorted(record.metrics.items())
        if not name.startswith(_NO_SCORES) and not name.endswith(_DETAILS) and "/ft-" not in name
    }  # fmt: skip
    rows = [f"| `{name}` | {value:.4f} |" for name, value in named.items()]
    warning = plateau_warning(record)
    noted = [f"{warning.capitalize()}.\n"] if warning else []
    return [
        "## Scores\n",
        "Losses are in nats, on held-out text.\n",
        *noted,
        "| metric | value |",
        "| --- | --- |",
        *rows,
        "",
    ]


def _loading(card: Card) -> list[str]:
    metrics, session = card.record.metrics, card.provenance["sessions"][0]
    size = f" It has {metrics['params']:,.0f} parameters." if "params" in metrics else ""
    made_with = ", ".join(f"{name} {session['packages'][name]}" for name in ("ablate", "torch", "transformers"))
    sha, dirty = session["git_sha"], session["git_dirty"]
    code = f" at commit {commit_text(f'`{sha}`', dirty)}" if sha else ""
    return [
        f"## Loading\n\nOnly safetensors, no code of its own.{size}\n", "```python",
        "from transformers import AutoModelForMaskedLM, AutoTokenizer, pipeline\n",
        f'model = AutoModelForMaskedLM.from_pretrained("{card.folder}")',
        f'tokenizer = AutoTokenizer.from_pretrained("{card.folder}")',
        f'pipeline("fill-mask", model=model, tokenizer=tokenizer)("Returns the {card.mask} of the list.")', "```\n",
        f"Made with {made_with}{code}.\n",
    ]  # fmt: skip


def _cell(value: Any) -> str:
    return "" if value is None else f"`{value}`".replace("|", "\\|")
