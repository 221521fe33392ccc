"""Curves as programs write them: lines of output, CSV, TensorBoard's event files, JSON lines."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboardX import SummaryWriter

from proveout.study import CurveSource
from proveout.trials import Curve, read_curve, read_source

KNOWN = {"compute": 1000, "steps": 10}
BY_STEP = "compute * step / steps"


def read(tmp_path: Path, **source: str) -> Curve:
    return read_source(CurveSource.model_validate(source), tmp_path, tmp_path / "log.txt", KNOWN)


def test_lines_of_output(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text(
        "loading ...\nstep 1: loss 2.5, lr 1e-3\nstep 2: loss nan, lr 1e-3\nstep x: loss y\n"
    )
    curve = read(tmp_path, source="output", pattern=r"step (?P<step>\w+): loss (?P<loss>\S+)",
                 compute=BY_STEP)  # fmt: skip
    assert curve == Curve((100.0, 200.0), (2.5, None))
    assert curve.diverged


def test_csv_with_cells_left_empty_takes_the_newest_file(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "a.csv").write_text("step,loss\n9,9\n")
    os.utime(tmp_path / "old" / "a.csv", (1, 1))
    (tmp_path / "b.csv").write_text("epoch,step,loss,val\n0,1,3.5,\n0,2,,1.0\n0,3,2.5,\n")
    assert read(tmp_path, source="csv", compute=BY_STEP) == Curve((100.0, 300.0), (3.5, 2.5))
    assert read(tmp_path, source="csv", file="old/*.csv", compute="step") == Curve((9.0,), (9.0,))


def test_a_line_that_keeps_a_pattern_busy_for_ever_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proveout.trials._curve._PATTERN_SECONDS", 0.5)
    pattern = r"(?P<step>\d+).*?(\d+).*?loss=(?P<loss>\S+)"
    (tmp_path / "log.txt").write_text("1" * 1000 + "\n1 of 9 loss=2.5\n")
    source = {"source": "output", "pattern": pattern, "compute": "step"}
    assert read(tmp_path, **source) == Curve()
    (tmp_path / "log.txt").write_text("1 of 9 loss=2.5\n")
    assert read(tmp_path, **source) == Curve((1.0,), (2.5,))


def test_a_table_of_a_million_columns_is_not_a_curve(tmp_path: Path) -> None:
    """A million rows beside it would take hours, were each made as long as the first."""
    (tmp_path / "b.csv").write_text("step,loss" + ",x" * 1_000_000 + "\n1,2" * 450_000)
    assert read(tmp_path, source="csv", compute="step") == Curve()


def test_a_curve_is_read_again_once_it_has_grown(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    for points in range(1, 4):
        with file.open("a") as stream:
            stream.write(json.dumps({"flops": points, "loss": 1.0}) + "\n")
        os.utime(file, (1, 1))
        assert read_curve(file).compute == tuple(float(n) for n in range(1, points + 1))
    file.unlink()
    assert read_curve(file) == Curve()


def test_json_lines_of_other_names(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "m.jsonl").write_text('{"train/loss": 1.5, "tokens": 7}\n{"eval": 1}\nx\n')
    curve = read(tmp_path, file="logs/m.jsonl", loss="train/loss", compute="6 * tokens")
    assert curve == Curve((42.0,), (1.5,))


def test_event_files_of_a_real_writer(tmp_path: Path) -> None:
    writer = SummaryWriter(str(tmp_path / "run"))
    for step in range(1, 4):
        writer.add_scalar("train/loss", 1 / step, step)
        writer.add_scalar("lr", 0.1, step)
    writer.add_text("note", "text", 1)
    writer.add_histogram("weights", [1.0, 2.0], 3)
    writer.close()
    curve = read(tmp_path, source="tensorboard", loss="train/loss", compute=BY_STEP)
    assert curve.compute == (100.0, 200.0, 300.0)
    assert curve.loss == pytest.approx((1, 1 / 2, 1 / 3), rel=1e-6)
    file = next(tmp_path.rglob("*tfevents*"))
    whole = file.read_bytes()
    for cut in range(0, len(whole), 7):  # a program that is still writing, or was killed
        file.write_bytes(whole[:cut])
        torn = read(tmp_path, source="tensorboard", loss="train/loss", compute=BY_STEP)
        assert torn.loss == curve.loss[: len(torn.loss)]


def test_scalars_that_are_tensors(tmp_path: Path) -> None:
    def field(number: int, payload: bytes) -> bytes:
        return bytes([number << 3 | 2, len(payload)]) + payload

    # Value{tag, tensor{dtype = DT_FLOAT, tensor_content}} as TensorFlow 2 writes them.
    tensor = b"\x08\x01" + field(4, struct.pack("<f", 0.5))
    summary = field(1, field(1, b"loss") + field(8, tensor))
    event = b"\x10\x03" + field(5, summary)
    frame = struct.pack("<Q", len(event)) + b"\0" * 4 + event + b"\0" * 4
    (tmp_path / "events.out.tfevents.1").write_bytes(frame)
    assert read(tmp_path, source="tensorboard", compute=BY_STEP) == Curve((300.0,), (0.5,))


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    from proveout.trials._tensorboard import scalars

    list(scalars(struct.pack("<Q", len(data)) + b"\0" * 4 + data + b"\0" * 4))
    list(scalars(data))


def test_links_are_not_followed(tmp_path: Path) -> None:
    secret, out = tmp_path / "secret.csv", tmp_path / "out"
    secret.write_text("step,loss\n1,1\n")
    out.mkdir()
    (out / "a.csv").symlink_to(secret)
    source = CurveSource(source="csv", compute="step")
    assert read_source(source, out, tmp_path / "log.txt", KNOWN) == Curve()


def test_a_program_cannot_put_its_own_numbers_in_place_of_the_studys(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"loss": 1, "step": 5, "compute": 1, "steps": 1e9}\n')
    assert read(tmp_path, compute=BY_STEP).compute == (500.0,)
