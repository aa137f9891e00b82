"""The tiny tokenizer of the evaluation tests."""

from evaluation.conftest import tokenizer_folder  # noqa: F401
