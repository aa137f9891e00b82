"""The embedded corpus: English prose of the documentation strings that every installation has on its disk."""

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock

from ablate.data.documents import Document, Split
from ablate.data.sources.docstrings import package_modules, read_prose, standard_library_modules
from ablate.data.sources.near_duplicates import clusters, held_out, without_repeats
from ablate.errors import UserError

# Distributions that ablate's dependencies bring with them; one that an installation lacks is left out.
PACKAGES = (
    "torch", "transformers", "scipy", "sympy", "statsmodels", "pandas", "networkx", "numpy", "torchmetrics",
    "huggingface_hub", "datasets", "pytorch-lightning", "pydantic", "setuptools", "narwhals", "mpmath", "rich",
    "pygments", "fsspec", "click", "jinja2", "pyarrow", "anyio", "formulaic", "aiohttp", "packaging", "filelock",
    "patsy", "python-dateutil", "attrs", "typer", "typing-extensions", "dill", "markdown-it-py", "tqdm",
    "hydra-core", "jaxtyping", "omegaconf", "safetensors", "lightning-utilities", "tokenizers",
    "scikit-learn", "matplotlib", "seaborn", "fonttools", "joblib", "pillow",
    "multidict", "yarl", "pyparsing", "threadpoolctl", "contourpy", "pyyaml",
)  # fmt: skip
MIN_CHARACTERS = 200  # of prose in a module; less is no document
_RULES = 1  # counted up whenever the same packages would give other documents
_SCHEMA = pa.schema([("id", pa.string()), ("group", pa.string()), ("text", pa.string()), ("validation", pa.bool_())])


class PyDocs:
    """Prose of the standard library's and the dependencies' documentation strings, one document per module.

    Scanned once and kept in `<cache>/pydocs/<key>.parquet`; the modules are read, never imported. Modules that share
    any eight words in a row, directly or through others, are on the same side of the split, so no such run of words
    occurs on both.
    """

    def __init__(
        self,
        *,
        cache: str | Path,
        name: str = "pydocs",
        validation_fraction: float = 0.1,
        packages: Sequence[str] | None = None,
    ) -> None:
        """`packages` replaces the list of distributions; the standard library is always in."""
        if not 0 < validation_fraction <= 0.3:
            raise UserError(f"data.validation_fraction={validation_fraction}: must be above 0 and at most 0.3")
        self.name = name
        self._folder = Path(cache) / "pydocs"
        self._fraction = validation_fraction
        self._versions = {package: _version(package) for package in (PACKAGES if packages is None else packages)}
        missing = [package for package, found in self._versions.items() if not found]
        if packages is not None and missing:
            raise UserError(f"data.packages: not installed: {', '.join(missing)}")

    def key(self) -> str:
        """Of the versions of Python and of the packages, and of the parameters."""
        content = [_RULES, self._fraction, sys.version, sys.platform, self._versions]
        return hashlib.blake2b(json.dumps(content).encode(), digest_size=16).hexdigest()

    def documents(self) -> Iterator[Document]:
        """One document per module, the standard library's first; `group` is the distribution.

        Raises:
            UserError: the cache cannot be written.
        """
        for batch in pq.ParquetFile(self._prepared()).iter_batches(batch_size=256):
            for row in batch.to_pylist():
                split: Split = "validation" if row["validation"] else "train"
                yield Document(id=row["id"], text=row["text"], split=split, group=row["group"])

    def _prepared(self) -> Path:
        """The cached file, made first where it is missing or broken."""
        path = self._folder / f"{self.key()}.parquet"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_suffix(".lock")):
                if path.exists() and not _is_sound(path):
                    print(f"{path} is corrupt: building it again", file=sys.stderr)
                    path.unlink()
                if not path.exists():
                    print("scanning documentation strings (once, about a minute) ...", file=sys.stderr, flush=True)
                    _write(self._scan(), path)
        except OSError as error:
            raise UserError(f"cache={self._folder.parent}: cannot be used: {error.strerror or error}") from error
        return path

    def _scan(self) -> pa.Table:
        modules = self._modules()
        paragraphs = without_repeats(read_prose([path for _, _, path in modules], workers=_num_workers()))
        texts = ["\n\n".join(" ".join(sentences) for sentences in document) for document in paragraphs]
        kept = [index for index, text in enumerate(texts) if len(text) >= MIN_CHARACTERS]
        texts = [texts[index] for index in kept]
        ids = [modules[index][0] for index in kept]
        sizes = np.array([len(text) for text in texts], dtype=np.int64)
        validation = held_out(ids, sizes=sizes, labels=clusters(texts), fraction=self._fraction)
        groups = [modules[index][1] for index in kept]
        return pa.table([ids, groups, texts, pa.array(validation)], schema=_SCHEMA)

    def _modules(self) -> list[tuple[str, str, Path]]:
        """(module, distribution, file), each module once."""
        found = {name: ("python", path) for name, path in standard_library_modules()}
        for package, installed in self._versions.items():
            if installed:
                for name, path in package_modules(package):
                    found.setdefault(name, (package, path))
        return [(name, group, path) for name, (group, path) in found.items()]


def _version(package: str) -> str:
    """The installed version of a distribution; empty where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _num_workers() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, 8)


def _write(table: pa.Table, path: Path) -> None:
    """Write a file that appears complete or not at all."""
    partial = path.with_suffix(f".{os.getpid()}.partial")
    try:
        pq.write_table(table, partial, compression="zstd", write_page_checksum=True, row_group_size=1024)
        partial.replace(path)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def _is_sound(path: Path) -> bool:
    """Whether the file is whole: every page is read and its checksum compared; takes a tenth of a second."""
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        rows = sum(batch.num_rows for batch in file.iter_batches(batch_size=1024))
        return rows > 0 and file.schema_arrow.equals(_SCHEMA)
    except (OSError, pa.ArrowException):
        return False
