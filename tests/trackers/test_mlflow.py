"""MLflow's real server, on loopback, and a database in a folder."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from proveout.errors import EnvironmentFailure
from proveout.ledger import read_history
from proveout.study import Destination, read_study
from proveout.trackers import send_study, tracker_states

for library in ("mlflow", "flask", "gunicorn"):  # which MLflow's server needs
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed", allow_module_level=True)

KEEP = r"ignore:.*:DeprecationWarning", r"ignore:.*:FutureWarning"
pytestmark = [pytest.mark.filterwarnings(each) for each in KEEP]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """`mlflow server`, ended with all of its processes."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    bin_first = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
         "--backend-store-uri", f"sqlite:///{tmp_path / 'server.db'}", "--workers", "1",
         "--gunicorn-opts", "--no-control-socket"],
        env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PATH": bin_first,
                          "MLFLOW_DISABLE_TELEMETRY": "true"},
        cwd=tmp_path, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 120
    try:
        while not answers(address):
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                pytest.fail(f"it did not start: {process.communicate()[0].decode()[-2000:]}")
            time.sleep(0.1)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=30) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def client_of(address: str) -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=address)


def runs(client: Any, project: str) -> dict[str, Any]:
    """Runs by name; more than one of a name is a fault."""
    experiment = client.get_experiment_by_name(project)
    found = client.search_runs([experiment.experiment_id])
    named = {each.info.run_name: each for each in found}
    assert len(named) == len(found)
    return named


def check(client: Any, known: Any) -> None:
    """Everything that was sent, as the server has it."""
    found = runs(client, "p")
    assert set(found) == {"bigram", "baseline-r1-s1", "cooler-r1-s1", "cooler-r1-s2"}
    run = found["cooler-r1-s1"]
    trials = {trial.id: each for trial, each in read_history(known.folder).trials.items()}
    assert run.info.status == "FINISHED"
    assert run.data.params.items() >= {
        "idea": "cooler", "rung": "1", "replicate": "1",
        "seed": str(trials["cooler-r1-s1"].seed), "compute": "2000000.0",
    }.items()  # fmt: skip
    assert run.data.tags.items() >= {
        "proveout.idea": "cooler", "proveout.rung": "2e6", "proveout.source": "catalog",
        "proveout.trust": "audited", "proveout.isolation": "B",
        "mlflow.parentRunId": found["bigram"].info.run_id,
    }.items()  # fmt: skip
    assert run.data.metrics["score"] == 3.25
    curve = client.get_metric_history(run.info.run_id, "curve/loss")
    assert [(each.step, each.value) for each in curve] == [(0, 5.0), (2, 4.25)]
    failed = found["cooler-r1-s2"]
    assert failed.info.status == "FAILED"
    assert failed.data.tags["proveout.outcome"] == "crashed"
    assert "score" not in failed.data.metrics
    study = found["bigram"]
    assert study.data.metrics["gap_at_target/cooler"] == -0.25
    assert study.data.metrics["budget/charged"] == pytest.approx(4.1e6)
    assert "| cooler | holds | -0.25 |" in study.data.tags["mlflow.note.content"]


def test_a_real_server_shows_what_was_sent_and_shows_it_once(known: Any, server: str) -> None:
    study, history = read_study(known.folder), read_history(known.folder)
    place = Destination(kind="mlflow", address=server, project="p")
    assert send_study(study, history, place).written == 3
    client = client_of(server)
    check(client, known)
    before = {name: run.info.run_id for name, run in runs(client, "p").items()}

    # What the study remembers is gone, and one run was left half written: by a kill, say.
    for file in (known.folder / "trackers").glob("mlflow-*.jsonl"):
        file.unlink()
    half = before["cooler-r1-s1"]
    client.update_run(half, status="RUNNING")
    send_study(study, history, place)
    check(client, known)
    after = {name: run.info.run_id for name, run in runs(client, "p").items()}
    assert after.pop("cooler-r1-s1") != half
    assert after.items() <= before.items()


@pytest.mark.parametrize("behaviour", ["fail", "refuse", "hang up", "nobody listens"])
def test_a_server_that_fails_is_said_to_and_no_key_is(
    known: Any, bad_server: Any, behaviour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "a-key-that-nobody-may-see"
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", key)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    listens = behaviour != "nobody listens"
    address = bad_server(behaviour) if listens else "http://127.0.0.1:1"
    study, history = read_study(known.folder), read_history(known.folder)
    place = Destination(kind="mlflow", address=address, project="p")
    with pytest.raises(EnvironmentFailure, match="run it again to go on") as told:
        send_study(study, history, place)
    assert key not in str(told.value)
    if behaviour == "refuse":  # it repeats the key that it was given
        assert "no: Bearer ..." in str(told.value)
    (state,) = tracker_states(study.model_copy(update={"tracker": (place,)}), history)
    assert (state.sent, state.waiting) == (0, 3)
    assert state.trouble
    kept = [file for file in known.folder.rglob("*") if file.is_file()]
    assert not [file for file in kept if key.encode() in file.read_bytes()]


def test_a_folder_will_do_instead_of_a_server(known: Any) -> None:
    study, history = read_study(known.folder), read_history(known.folder)
    place = Destination(kind="mlflow", folder="ml", project="p")
    assert send_study(study, history, place).written == 3
    check(client_of(f"sqlite:///{known.folder / 'ml' / 'mlflow.db'}"), known)
