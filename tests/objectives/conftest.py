"""The batch of the model tests."""

from models.test_bert import batch  # noqa: F401
