"""metrics.csv: rows, growing columns, cutting back."""

import math

from ablate.runs.curves import CurveFile, read_curves


def filled(path):
    file = CurveFile(path)
    file.append(5, {"tokens": 50, "loss": 1.5})
    file.append(10, {"tokens": 100, "loss": 1.25, "val/x": 0.5})
    file.append(15, {"tokens": 150, "val/x": 0.25})
    return file


def test_rows_come_back_and_columns_grow(tmp_path):
    filled(tmp_path / "metrics.csv")
    frame = read_curves(tmp_path / "metrics.csv")
    assert list(frame.columns) == ["step", "tokens", "loss", "val/x"]
    assert frame["step"].tolist() == [5, 10, 15]
    assert math.isnan(frame["val/x"][0])
    assert frame["loss"].tolist()[:2] == [1.5, 1.25]
    assert math.isnan(frame["loss"][2])


def test_floats_keep_every_bit(tmp_path):
    value = 0.1 + 0.2
    CurveFile(tmp_path / "m.csv").append(1, {"x": value})
    assert float((tmp_path / "m.csv").read_text().splitlines()[1].split(",")[1]) == value


def test_cutting_back_drops_later_rows_and_half_written_ones(tmp_path):
    path = tmp_path / "metrics.csv"
    filled(path)
    with path.open("a") as file:
        file.write("20,2")
    CurveFile(path).cut(10)
    assert read_curves(path)["step"].tolist() == [5, 10]
    CurveFile(path).append(12, {"tokens": 120})
    assert read_curves(path)["step"].tolist() == [5, 10, 12]


def test_cutting_to_the_start_or_a_missing_file_is_fine(tmp_path):
    CurveFile(tmp_path / "none.csv").cut(0)
    assert not (tmp_path / "none.csv").exists()
    filled(tmp_path / "metrics.csv").cut(0)
    assert read_curves(tmp_path / "metrics.csv").empty
