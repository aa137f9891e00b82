"""The fixed evaluation: the same questions for every arm, whatever the recipe, tokenizer, seed or format."""

import math
from functools import partial

import numpy as np
import pytest
import torch

from ablate.config.build import build_corpus, build_evaluation, build_model
from ablate.config.compose import compose_one
from ablate.data import formats
from ablate.data.corpus import TokenStore
from ablate.evaluation.held_out import character_masked, evaluation_documents, token_masked
from ablate.evaluation.mlm import per_document, score, unigram_loss

CPU = torch.device("cpu")


@pytest.fixture
def prepared(tiny, tmp_path):
    def prepare(*overrides):
        cfg = compose_one([*tiny, *overrides])
        return cfg, build_corpus(cfg, tmp_path)

    return prepare


def evaluation_of(prepared, *overrides):
    cfg, corpus = prepared(*overrides)
    return cfg, corpus, build_evaluation(cfg, corpus, "32-true")


def test_no_recipe_and_no_seed_touches_the_questions(prepared):
    _, _, bert = evaluation_of(prepared)
    for overrides in (
        ("+exp=doc_sentences", "seed=5"),
        ("+exp=static_masking_x1", "masking.rate=0.4"),
        ("+exp=data_30",),
    ):
        _, _, other = evaluation_of(prepared, *overrides)
        for name in ("held_out", "characters"):
            ours, theirs = getattr(bert, name), getattr(other, name)
            assert np.array_equal(ours.masked.input_ids, theirs.masked.input_ids)
            assert np.array_equal(ours.masked.positions, theirs.masked.positions)


def characters_asked(store: TokenStore, held_out):
    """For each document, how many raw characters are masked."""
    totals = {}
    for document, chars in zip(held_out.documents, held_out.chars, strict=True):
        totals[store.document_ids[document]] = totals.get(store.document_ids[document], 0) + int(chars)
    return totals


def test_tokenizers_are_asked_the_same_characters(prepared):
    """15 % of the whitespace-delimited words, in whole, whatever pieces a tokenizer cuts them into."""
    _, wordpiece_corpus, wordpiece = evaluation_of(prepared, "tokenizer=wordpiece_cased")
    _, bytes_corpus, byte_bpe = evaluation_of(prepared, "tokenizer=byte_bpe", "tokenizer.vocab_size=320")
    ours = characters_asked(wordpiece_corpus.validation, wordpiece.characters)
    theirs = characters_asked(bytes_corpus.validation, byte_bpe.characters)
    assert ours == theirs
    assert len(wordpiece.characters.masked.labels) != len(byte_bpe.characters.masked.labels)


def test_fifteen_percent_of_each_sequence_and_of_the_words(prepared):
    _, corpus, evaluation = evaluation_of(prepared)
    held_out = evaluation.held_out
    maskable = held_out.rows.maskable.sum(axis=1)
    row = held_out.masked.positions // held_out.rows.ids.shape[1]
    counts = np.bincount(row, minlength=len(maskable))
    whole = maskable > 0
    expected = np.maximum(np.round(0.15 * maskable[whole]), 1)
    assert np.array_equal(counts[whole], expected)
    words = evaluation.characters
    share = words.chars.sum() / corpus.validation.chars.sum()
    assert 0.02 < share < 0.25
    assert (words.masked.input_ids.reshape(-1)[words.masked.positions] == corpus.vocabulary.mask).all()


def test_batches_cover_every_masked_position_once_and_keep_its_label(prepared):
    _, _, evaluation = evaluation_of(prepared)
    held_out, seen = evaluation.held_out, []
    for part, batch in held_out.batches(size=7):
        seen.append(part)
        rows, width = batch["input_ids"].shape
        assert int(batch["masked_positions"].max()) < rows * width
        assert torch.equal(batch["masked_labels"], torch.from_numpy(held_out.masked.labels[part]))
    assert np.array_equal(np.sort(np.concatenate(seen)), np.arange(len(held_out.masked.labels)))


def test_scores_equal_a_full_forward_pass_over_the_unbatched_rows(prepared):
    cfg, corpus, evaluation = evaluation_of(prepared)
    model = build_model(cfg, corpus, CPU).eval()
    held_out = evaluation.held_out
    scores = score(model, held_out, nsp=False, precision="32-true")
    rows = held_out.rows
    attended = torch.arange(rows.ids.shape[1]) < torch.from_numpy(rows.lengths)[:, None]
    with torch.no_grad():
        logits = model.pretraining(
            input_ids=torch.from_numpy(held_out.masked.input_ids), attention_mask=attended.long(),
            token_type_ids=torch.from_numpy(rows.token_types),
        ).prediction_logits.flatten(0, 1)  # fmt: skip
    log_p = logits.double().log_softmax(-1).numpy()[held_out.masked.positions]
    expected = -log_p[np.arange(len(log_p)), held_out.masked.labels]
    assert scores.nll == pytest.approx(expected, abs=1e-5)
    assert scores.correct.mean() == (log_p.argmax(1) == held_out.masked.labels).mean()


def test_scoring_restores_the_models_mode_and_uses_no_dropout(prepared):
    cfg, corpus, evaluation = evaluation_of(prepared)
    model = build_model(cfg, corpus, CPU).train()
    once, twice = (score(model, evaluation.held_out, nsp=True, precision="32-true") for _ in range(2))
    assert model.training
    assert np.array_equal(once.nll, twice.nll)
    assert 0 <= once.pairs_correct <= 1


def test_unigram_loss_is_add_one_cross_entropy():
    counts, labels = np.array([3, 0, 5]), np.array([0, 2, 2, 1])
    expected = -np.mean([math.log(4 / 11), math.log(6 / 11), math.log(6 / 11), math.log(1 / 11)])
    assert unigram_loss(labels, counts) == pytest.approx(expected)


def test_per_document_sums_add_up_to_the_metrics(prepared):
    cfg, corpus, evaluation = evaluation_of(prepared)
    model = build_model(cfg, corpus, CPU)
    metrics, frames = evaluation.final(model)
    frame = frames["val_mlm"]
    assert list(frame.columns) == ["document", "nll_sum", "n_masked", "n_chars", "n_correct"]
    assert frame["document"].is_unique
    assert frame["nll_sum"].sum() / frame["n_masked"].sum() == pytest.approx(metrics["val/mlm_loss"])
    spans = frames["val_spans"]
    bits = spans["nll_sum"].sum() / math.log(2) / spans["n_chars"].sum()
    assert bits == pytest.approx(metrics["val/bits_per_char"])
    assert metrics["val/perplexity"] == pytest.approx(math.exp(metrics["val/mlm_loss"]))
    scores = score(model, evaluation.held_out, nsp=False, precision="32-true")
    assert per_document(scores, evaluation.held_out, corpus.validation)["n_masked"].sum() == len(scores.nll)


def test_the_loss_is_the_mean_over_what_is_shown_at_the_tokens(prepared):
    cfg, corpus, evaluation = evaluation_of(prepared)
    metrics, _ = evaluation.final(build_model(cfg, corpus, CPU))
    shown = evaluation.held_out.masked.input_ids.reshape(-1)[evaluation.held_out.masked.positions]
    masked, kept = shown == corpus.vocabulary.mask, shown == evaluation.held_out.masked.labels
    shares = {"masked": masked.mean(), "kept": kept.mean(), "random": 1 - masked.mean() - kept.mean()}
    assert shares == pytest.approx({"masked": 0.8, "kept": 0.1, "random": 0.1}, abs=0.05)
    mean = sum(share * metrics[f"val/mlm_loss/{kind}"] for kind, share in shares.items())
    assert mean == pytest.approx(metrics["val/mlm_loss"], abs=1e-9)
    assert len({metrics[f"val/mlm_loss/{kind}"] for kind in shares}) == 3


def test_documents_come_in_hash_order_until_the_characters_are_enough(prepared):
    _, corpus = prepared()
    store = corpus.validation
    few = evaluation_documents(store, chars=3000, chars_per_document=500)
    many = evaluation_documents(store, chars=9000, chars_per_document=500)
    assert len(few) < len(many)
    assert np.array_equal(few, many[: len(few)])
    bounds = store.document_tokens()
    held = [min(int(store.chars[bounds[d] : bounds[d + 1]].sum()), 500) for d in many]
    assert sum(held[:-1]) < 9000 <= sum(held)


@pytest.mark.parametrize("build", [token_masked, character_masked])
def test_nothing_beyond_the_cap_is_asked(prepared, build):
    _, corpus = prepared()
    store = corpus.validation
    documents = evaluation_documents(store, chars=10_000, chars_per_document=10_000)
    ask = partial(build, store, documents, formats.doc_sentences, vocabulary=corpus.vocabulary, length=32)
    held_out, everything = ask(chars_per_document=200), ask(chars_per_document=10**6)
    asked = characters_asked(store, held_out)
    assert max(asked.values()) <= 200
    assert len(held_out.masked.labels) < len(everything.masked.labels)


def test_next_sentences_are_asked_for_where_the_arms_own_format_is_the_only_one(run_tiny):
    record, _ = run_tiny("eval.formats=[segment_pair]")
    assert 0.0 <= record.metrics["val/nsp_accuracy"] <= 1.0
