"""result.json: what is written comes back, and what is not a record is said to be none."""

import json
import math

import pytest

from ablate.runs.record import (
    Record,
    UnreadableRecord,
    read_failure,
    read_result,
    write_failure,
    write_json,
    write_result,
)

RECORD = Record(
    run_id="0123456789abcdef", study="nsp", arm="bert", seed=3, status="ok", reason="",
    metrics={"val/mlm_loss": 3.25, "params": 10, "train/seconds": 1.5}, evaluation_id="e",
)  # fmt: skip


def test_a_record_comes_back_as_it_was_written(tmp_path):
    assert read_result(tmp_path) is None
    write_result(tmp_path, RECORD)
    assert read_result(tmp_path) == RECORD
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_non_finite_metrics_survive_and_the_file_is_strict_json(tmp_path):
    odd = Record(**{**RECORD.__dict__, "metrics": {"a": math.nan, "b": math.inf, "c": -math.inf}})
    write_result(tmp_path, odd)
    text = (tmp_path / "result.json").read_text()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    metrics = read_result(tmp_path).metrics
    assert math.isnan(metrics["a"])
    assert (metrics["b"], metrics["c"]) == (math.inf, -math.inf)


def test_keys_of_a_later_version_are_kept(tmp_path):
    write_result(tmp_path, RECORD)
    plain = json.loads((tmp_path / "result.json").read_text())
    write_json(tmp_path / "result.json", {**plain, "later": [1]})
    record = read_result(tmp_path)
    assert record.extra == {"later": [1]}
    write_result(tmp_path, record)
    assert json.loads((tmp_path / "result.json").read_text())["later"] == [1]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"run_id": 1}', '{"metrics": {"a": "x"}}', "\x00\x01", '"text"']
)
def test_what_is_not_a_record_is_never_read_as_one(tmp_path, text):
    (tmp_path / "result.json").write_text(text)
    with pytest.raises(UnreadableRecord, match=r"result\.json"):
        read_result(tmp_path)


def test_an_unknown_status_is_refused(tmp_path):
    write_result(tmp_path, RECORD)
    path = tmp_path / "result.json"
    path.write_text(path.read_text().replace('"ok"', '"fine"'))
    with pytest.raises(UnreadableRecord, match="status=fine"):
        read_result(tmp_path)


def test_a_result_clears_the_failure_before_it(tmp_path):
    write_failure(tmp_path, run_id="r", error="OSError: x", traceback="...")
    assert read_failure(tmp_path)["error"] == "OSError: x"
    write_result(tmp_path, RECORD)
    assert read_failure(tmp_path) is None


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    write_result(tmp_path, RECORD)
    with pytest.raises(TypeError):
        write_json(tmp_path / "result.json", {"a": object()})
    assert read_result(tmp_path) == RECORD


@pytest.mark.parametrize(
    "error",
    [
        "MemoryError: ",
        "RuntimeError: [enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you "
        "tried to allocate 16777216 bytes. Error code 12 (Cannot allocate memory)",
        "OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.15 GiB",
        "_ArrayMemoryError: Unable to allocate 7.45 GiB for an array with shape (1000000000,) and data type float64",
        "OSError: [Errno 12] Cannot allocate memory",
        "AcceleratorError: CUDA error: out of memory",
    ],
)
def test_every_way_to_run_out_of_memory_is_said_in_one(tmp_path, error):
    write_failure(tmp_path, run_id="", error=error, traceback="")
    assert read_failure(tmp_path)["error"] == f"out of memory: {error}"


@pytest.mark.parametrize(
    "error",
    [
        "RuntimeError: could not create a primitive",
        "RuntimeError: can't start new thread",
    ],
)
def test_where_the_library_does_not_say_so_it_is_likely(tmp_path, error):
    write_failure(tmp_path, run_id="", error=error, traceback="")
    assert read_failure(tmp_path)["error"] == f"likely out of memory: {error}"


@pytest.mark.parametrize(
    "error",
    [
        "ValueError: no",
        "out of memory: MemoryError: ",
        "likely out of memory: RuntimeError: could not create a primitive",
        "the process was killed by SIGKILL, likely because the machine was out of memory",
        "RuntimeError: could not create a primitive descriptor for a matmul primitive",
    ],
)
def test_other_errors_are_left_as_they_are(tmp_path, error):
    write_failure(tmp_path, run_id="", error=error, traceback="")
    assert read_failure(tmp_path)["error"] == error
