"""The embedded corpus, scanned once per session, or found in ABLATE_CACHE."""

import os
from pathlib import Path

import pytest

from ablate.data.sources.pydocs import PyDocs


@pytest.fixture(scope="session")
def pydocs(tmp_path_factory):
    cache = os.environ.get("ABLATE_CACHE") or tmp_path_factory.mktemp("cache")
    return PyDocs(cache=Path(cache))
