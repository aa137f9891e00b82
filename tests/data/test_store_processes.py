import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

from synthetic_source import Documents, assert_same, make_source

from ablate.data.store import prepare
from ablate.data.tokenizers import WordPiece

WORDPIECE = WordPiece(vocab_size=300, lowercase=True)


class Slow(Documents):
    """Sleeps between documents, and leaves a line in a file whenever it is read."""

    log = Path()

    def documents(self):
        with self.log.open("a") as file:
            file.write("read\n")
        for document in self.items:
            time.sleep(0.01)
            yield document


def _prepare_slowly(cache, results):
    source = Slow(items=make_source().items)
    source.log = cache / "reads"
    corpus = prepare(source, WORDPIECE, cache=cache)
    results.put((os.getpid(), corpus.key, (cache / "tokens" / corpus.key / "meta.json").stat().st_ino))


def test_two_processes_at_once_make_one_store(tmp_path):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    processes = [context.Process(target=_prepare_slowly, args=(tmp_path, results)) for _ in range(2)]
    for process in processes:
        process.start()
    found = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(timeout=60)
    assert len({pid for pid, _, _ in found}) == 2
    assert len({(key, inode) for _, key, inode in found}) == 1
    # to survey, to train, to tokenise: by one of them, and the other found it
    assert (tmp_path / "reads").read_text().splitlines() == ["read"] * 3
    assert [path.name for path in (tmp_path / "tokens").iterdir() if path.is_dir()] == [found[0][1]]


def test_killed_half_way_then_again(tmp_path):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=_prepare_slowly, args=(tmp_path, results))
    process.start()
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("tokens/*.tmp-*/train/tokens.bin")) and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    process.join()
    assert list(tmp_path.glob("tokens/*.tmp-*"))
    assert not list(tmp_path.glob("tokens/*/meta.json"))
    corpus = prepare(make_source(), WORDPIECE, cache=tmp_path)
    assert not list(tmp_path.glob("tokens/*.tmp-*"))
    assert_same(corpus, prepare(make_source(), WORDPIECE, cache=tmp_path / "elsewhere"))


_MEMORY_PROGRAM = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from synthetic_source import Documents, make_text
from ablate.data.documents import Document
from ablate.data.store import prepare
from ablate.data.tokenizers import WordPiece

text = "\\n".join(make_text(seed, num_sentences=200) for seed in range(10))

class Large(Documents):
    def documents(self):
        for i in range(int(sys.argv[3])):
            yield Document(id=str(i), text=text + str(i), split="validation" if i % 20 == 0 else "train")

kind = WordPiece(vocab_size=300, lowercase=True, max_chars=100_000)
corpus = prepare(Large(items=[]), kind, cache=Path(sys.argv[2]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, len(text) * int(sys.argv[3]))
"""


def test_memory_does_not_grow_with_the_corpus(tmp_path):
    peaks, sizes = [], []
    for number in (40, 160):
        folder = str(Path(__file__).parent)
        command = [sys.executable, "-c", _MEMORY_PROGRAM, folder, str(tmp_path / str(number)), str(number)]
        peak, size = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        peaks.append(int(peak))
        sizes.append(int(size))
    assert sizes[1] - sizes[0] > 10e6
    assert peaks[1] - peaks[0] < (sizes[1] - sizes[0]) / 3
