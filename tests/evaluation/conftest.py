"""A tiny encoder in a Hugging Face folder, and a task that a keyword decides."""

import random

import pytest
import torch
from evaluation.keywords import BAD, GOOD, sentence, tiny_config
from transformers import BertModel

from ablate.data.tokenizers import WordPiece, save
from ablate.evaluation.subject import Subject
from ablate.models.folder import load_encoder, load_tokenizer


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    rng = random.Random(0)
    text = " ".join(sentence(rng, word) for _ in range(40) for word in (*GOOD, *BAD))
    save(WordPiece(vocab_size=90, lowercase=True).train(iter([text] * 3)), folder)
    return folder


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory, tokenizer_folder):
    """A BERT of 2 layers of width 32 with random weights, and its tokenizer."""
    folder = tmp_path_factory.mktemp("bert")
    torch.manual_seed(0)
    BertModel(tiny_config()).save_pretrained(folder)
    for file in tokenizer_folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


@pytest.fixture
def subject(bert_folder):
    tokenizer, pad = load_tokenizer(bert_folder, vocabulary=90)
    model = load_encoder(bert_folder, attention="eager")
    return Subject(model, tokenizer, pad, 32, torch.device("cpu"), "32-true")
