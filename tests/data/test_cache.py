import errno

import numpy as np
import pytest

from ablate.data import cache
from ablate.data.cache import cached_arrays
from ablate.errors import UserError

ARRAYS = {
    "starts": np.arange(10, dtype=np.int64),
    "kinds": np.array([[1, -1], [0, 1]], dtype=np.int8),
    "empty": np.zeros(0, dtype=np.uint64),
}


class Builder:
    """Counts how often it is called."""

    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return ARRAYS


def test_arrays_are_built_once_and_come_back_as_they_were(tmp_path):
    build = Builder()
    for _ in range(2):
        found = cached_arrays(tmp_path / "sequences", "abc", build)
        assert list(found) == list(ARRAYS)
        for name, array in ARRAYS.items():
            assert found[name].dtype == array.dtype
            np.testing.assert_array_equal(found[name], array)
    assert build.calls == 1
    with pytest.raises(ValueError, match="read-only"):
        found["starts"][0] = 1
    cached_arrays(tmp_path / "sequences", "abd", build)
    assert build.calls == 2


@pytest.mark.parametrize("name", ["starts.npy", "meta.json"])
def test_damaged_arrays_are_built_again(tmp_path, capfd, name):
    build = Builder()
    cached_arrays(tmp_path, "abc", build)
    file = tmp_path / "abc" / name
    file.write_bytes(file.read_bytes()[:-3])
    found = cached_arrays(tmp_path, "abc", build)
    assert build.calls == 2
    np.testing.assert_array_equal(found["starts"], ARRAYS["starts"])
    assert "is damaged" in capfd.readouterr().err


def test_failed_build_leaves_nothing(tmp_path):
    def build():
        raise UserError("too small")

    with pytest.raises(UserError, match="too small"):
        cached_arrays(tmp_path, "abc", build)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_full_disk_and_other_errors(tmp_path, monkeypatch):
    def failing(number):
        def fail(path, array):
            raise OSError(number, "from the system")

        return fail

    monkeypatch.setattr(cache, "_save_array", failing(errno.ENOSPC))
    with pytest.raises(UserError, match="ABLATE_CACHE"):
        cached_arrays(tmp_path, "abc", Builder())
    monkeypatch.setattr(cache, "_save_array", failing(errno.EIO))
    with pytest.raises(OSError, match="from the system"):
        cached_arrays(tmp_path, "abc", Builder())
