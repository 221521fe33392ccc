"""What was sent, read back by the trackers' own readers."""

from __future__ import annotations

import contextlib
import resource
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proveout.errors import EnvironmentFailure, UserError
from proveout.ledger import read_history
from proveout.study import Destination, read_study
from proveout.trackers import Delivery, send_study

ALL = {"baseline-r1-s1", "cooler-r1-s1", "cooler-r1-s2"}


def send(known: Any, **where: Any) -> Delivery:
    study = read_study(known.folder)
    return send_study(study, read_history(known.folder), Destination.model_validate(where))


def below(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Every scalar in a folder, by TensorBoard's own reader: (step, value) by tag."""
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = reader.EventAccumulator(str(folder)).Reload()
    return {
        tag: [(each.step, each.value) for each in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def texts(folder: Path, tag: str) -> str:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = reader.EventAccumulator(str(folder)).Reload()
    return str(events.Tensors(f"{tag}/text_summary")[-1].tensor_proto.string_val[0].decode())


def test_tensorboard_reads_what_was_sent(known: Any) -> None:
    assert send(known, kind="tensorboard", folder="tb").written == 3
    (root,) = (known.folder / "tb").iterdir()
    assert {each.name for each in root.iterdir()} == ALL | {"study"}
    found = scalars(root / "cooler-r1-s1")
    assert found["curve/compute"] == [(0, 1e6), (1, 1.5e6), (2, 2e6)]
    assert found["curve/loss"] == [(0, 5.0), (2, 4.25)]
    assert found["score"] == [(0, 3.25)]
    assert found["cost/compute"] == [(0, 2e6)]
    assert found["cost/wall_seconds"] == [(0, 2.0)]
    assert "cost/peak_memory_bytes" not in found
    assert "score" not in scalars(root / "cooler-r1-s2")
    told = texts(root / "cooler-r1-s2", "about")
    assert "crashed: it exited with code 1" in told
    assert "\x1b" not in told
    study = scalars(root / "study")
    assert study["gap_at_target/cooler"] == [(3, -0.25)]
    assert study["budget/charged"] == [(3, pytest.approx(4.1e6))]
    assert "| cooler | holds | -0.25 | [-0.35, -0.15] | 2.5× | 2 |" in texts(
        root / "study", "verdicts"
    )


def test_tensorboard_shows_parameters_beside_scores(known: Any) -> None:
    plugin = pytest.importorskip("tensorboard.plugins.hparams.plugin_data_pb2")
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    send(known, kind="tensorboard", folder="tb")
    (folder,) = (known.folder / "tb").glob("*/cooler-r1-s1")
    events = reader.EventAccumulator(str(folder)).Reload()
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    started = plugin.HParamsPluginData.FromString(content).session_start_info.hparams
    assert started["idea"].string_value == "cooler"
    assert started["rung"].number_value == 1
    assert started["seed"].number_value == read_history(known.folder).trials[
        next(t for t in read_history(known.folder).trials if t.id == "cooler-r1-s1")
    ].seed  # fmt: skip


def test_only_what_is_new_is_sent_again(known: Any) -> None:
    send(known, kind="tensorboard", folder="tb")
    before = below(known.folder / "tb")
    assert send(known, kind="tensorboard", folder="tb").written == 0
    assert below(known.folder / "tb") == before
    known.trial("baseline", 1, 3.75)
    sent = send(known, kind="tensorboard", folder="tb")
    assert (sent.written, sent.known) == (1, 3)
    after = below(known.folder / "tb")
    assert before.items() <= after.items()
    assert {Path(each).parent.name for each in after.keys() - before.keys()} == {
        "baseline-r1-s2", "study",
    }  # fmt: skip
    # Another project is another place, which has nothing yet.
    assert send(known, kind="tensorboard", folder="tb", project="b").written == 4


def test_a_line_that_a_kill_cut_short_costs_that_line_alone(known: Any) -> None:
    send(known, kind="tensorboard", folder="tb")
    (file,) = (known.folder / "trackers").glob("tensorboard-*.jsonl")
    lines = file.read_text().splitlines(keepends=True)
    cut = next(i for i, line in enumerate(lines) if "cooler-r1-s2" in line)
    file.write_text("".join(lines[:cut]) + lines[cut][:12])
    assert send(known, kind="tensorboard", folder="tb").written == 1
    assert send(known, kind="tensorboard", folder="tb").written == 0
    (root,) = (known.folder / "tb").iterdir()
    assert len(list((root / "cooler-r1-s2").iterdir())) == 1  # written anew, and not twice


@contextlib.contextmanager
def little_room() -> Iterator[None]:
    """No file may grow beyond 600 bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (600, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_is_said_and_what_was_not_written_is_sent_later(known: Any) -> None:
    study, history = read_study(known.folder), read_history(known.folder)
    place = Destination(kind="tensorboard", folder="tb")
    told = r"File too large.*run it again to go on"
    with little_room(), pytest.raises(EnvironmentFailure, match=told):
        send_study(study, history, place)
    assert send_study(study, history, place).written == 3
    (root,) = (known.folder / "tb").iterdir()
    assert scalars(root / "baseline-r1-s1")["score"] == [(0, 3.5)]


def test_a_tracker_that_is_not_installed_is_named_with_what_to_install(
    known: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "trackio", raising=False)
    sys.path_importer_cache.clear()
    with pytest.raises(UserError, match=r"pip install 'proveout\[trackio\]'"):
        send(known, kind="trackio")


def records(file: Path) -> Iterator[Any]:
    """The records of a W&B file: LevelDB's log format, and W&B's own messages."""
    messages = pytest.importorskip("wandb.proto.wandb_internal_pb2")
    data, at, parts = file.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        parts += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in {1, 4}:  # a whole record, or the last part of one
            yield messages.Record.FromString(parts)
            parts = b""


def test_wandb_files_hold_what_was_sent(known: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_API_KEY", "0123456789" * 4)
    assert send(known, kind="wandb", folder="wb", offline=True, project="p").written == 3
    files = {f.stem.split("-", 2)[2]: f for f in (known.folder / "wb").glob("wandb/*/*.wandb")}
    assert set(files) == ALL | {"study"}
    found = list(records(files["cooler-r1-s1"]))
    (run,) = (each.run for each in found if each.HasField("run"))
    assert (run.project, run.display_name, run.run_group) == ("p", "cooler-r1-s1", "cooler")
    assert {"idea:cooler", "trust:audited", "isolation:B"} <= set(run.tags)
    config = {each.key: each.value_json for each in run.config.update}
    assert (config["idea"], config["rung"]) == ('"cooler"', "1")
    curve = [
        {item.nested_key[0]: item.value_json for item in each.history.item}
        for each in found if each.HasField("history")
    ]  # fmt: skip
    assert [row.get("curve/loss") for row in curve] == ["5", None, "4.25"]
    summary = {
        item.nested_key[0] if item.nested_key else item.key: item.value_json
        for each in found if each.HasField("summary") for item in each.summary.update
    }  # fmt: skip
    assert float(summary["score"]) == 3.25
    (left,) = (each.exit for each in records(files["cooler-r1-s2"]) if each.HasField("exit"))
    assert left.exit_code == 1
    assert not [name for name, data in below(known.folder).items() if b"0123456789" * 4 in data]
    assert send(known, kind="wandb", folder="wb", offline=True, project="p").written == 0
    wandb.teardown()  # ends the process that it keeps


def test_trackio_holds_what_was_sent(known: Any) -> None:
    trackio = pytest.importorskip("trackio", reason="trackio is not installed: see constraints.txt")
    assert send(known, kind="trackio", folder="tr", project="p").written == 3
    runs = {run.name.rsplit("-", 1)[0]: run for run in trackio.Api().runs("p")}
    assert set(runs) == ALL | {"study"}
    assert runs["cooler-r1-s1"].config["idea"] == "cooler"
    storage = pytest.importorskip("trackio.sqlite_storage").SQLiteStorage
    rows = storage.get_logs("p", runs["cooler-r1-s1"].name)
    assert [row["curve/loss"] for row in rows if "curve/loss" in row] == [5.0, 4.25]
    assert [row["score"] for row in rows if "score" in row] == [3.25]
    assert send(known, kind="trackio", folder="tr", project="p").written == 0
