"""A study whose every number is known, and servers that are not what a tracker should be."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from proveout.ideas import Idea
from proveout.ledger import (
    Event,
    IdeaAdded,
    Ledger,
    StudyOpened,
    TrialFailed,
    TrialScored,
    TrialStarted,
    Verdict,
    VerdictsRead,
)
from proveout.study import read_study
from proveout.trials import Failure, Measurement, Trial, Usage, trial_seed

USAGE = Usage(2.0, 1.5, 0.25, None, 0, None)
CURVE = ((1e6, 5.0), (1.5e6, None), (2e6, 4.25))
"""What every trial reports: compute and loss, which once was no number."""


@dataclass(frozen=True)
class Known:
    """A study that grows by as many trials as a test says."""

    folder: Path

    @property
    def file(self) -> Path:
        """Its study.toml."""
        return self.folder / "study.toml"

    def say(self, *events: Event) -> None:
        """Puts events on record."""
        with Ledger(self.folder) as ledger:
            for event in events:
                ledger.append(event)

    def trial(self, idea: str, replicate: int, score: float | None) -> str:
        """A trial at the first rung that scored, or failed where there is no score."""
        trial = Trial(rung=0, replicate=replicate, idea=idea)
        seed = trial_seed(read_study(self.folder), trial)
        out = self.folder / "trials" / trial.id / "out"
        out.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps({"flops": at, "loss": loss}) + "\n" for at, loss in CURVE]
        (out / "metrics.jsonl").write_text("".join(lines))
        started = TrialStarted(trial.id, idea, 0, replicate, seed, 2e6)
        if score is None:
            failure = Failure("crashed", "it exited with code 1: <b>boom</b>\x1b[31m")
            self.say(started, TrialFailed(trial.id, 1e5, failure, USAGE))
        else:
            measured = Measurement(score, "bits_per_byte", "bits per byte", "audited", "B", 900)
            self.say(started, TrialScored(trial.id, 2e6, measured, USAGE))
        return trial.id

    def verdict(self, idea: str, gap: float) -> None:
        """What is believed of an idea."""
        told = Verdict(idea, "holds", gap, (gap - 0.1, gap + 0.1), 2.5, (2.0, 3.0), 0.99, 2, "why")
        self.say(VerdictsRead((told,), 3))


@pytest.fixture
def known(toy: Any) -> Known:
    """Two trials that scored, one that failed, one verdict."""
    study = Known(toy.folder)
    baseline = Idea("baseline", "baseline", "a" * 40, None, "As it was given.")
    cooler = Idea("cooler", "idea", "b" * 40, "a" * 40, "Cooler | helps", origin="catalog")
    opened = StudyOpened("toy", "0.1.0", 1e9, "flops", toy.file.read_text(), "a machine")
    study.say(opened, IdeaAdded(baseline), IdeaAdded(cooler))
    study.trial("baseline", 0, 3.5)
    study.trial("cooler", 0, 3.25)
    study.trial("cooler", 1, None)
    study.verdict("cooler", -0.25)
    return study


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Answers, a byte at a time: no read ever times out."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    with contextlib.suppress(OSError):
        while True:
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.05)


def fail(handler: BaseHTTPRequestHandler) -> None:
    """A 500 without a word."""
    handler.send_response(500)
    handler.send_header("content-length", "0")
    handler.end_headers()


def refuse(handler: BaseHTTPRequestHandler) -> None:
    """A 401 that repeats the key it was given."""
    told = f"no: {handler.headers.get('authorization')}".encode()
    handler.send_response(401)
    handler.send_header("content-length", str(len(told)))
    handler.end_headers()
    handler.wfile.write(told)


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """Closes the connection in the middle of the first line."""
    handler.wfile.write(b"HTTP/1.1 20")
    handler.connection.shutdown(socket.SHUT_RDWR)


BEHAVIOURS = {"drip": drip, "fail": fail, "refuse": refuse, "hang up": hang_up}


@pytest.fixture
def bad_server() -> Iterator[Callable[[str], str]]:
    """`bad_server("drip")` is the address of a server that does that, whatever it is asked."""
    running: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def start(behaviour: str) -> str:
        class Handler(BaseHTTPRequestHandler):
            def handle_one_request(self) -> None:
                with contextlib.suppress(OSError):
                    super().handle_one_request()

            def do_any(self) -> None:
                self.close_connection = True
                BEHAVIOURS[behaviour](self)

            do_GET = do_POST = do_PATCH = do_any  # noqa: N815

            def log_message(self, *told: object) -> None:
                """Says nothing."""

        http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        running.append((http, thread))
        return f"http://127.0.0.1:{http.server_address[1]}"

    yield start
    for http, thread in running:
        http.shutdown()
        thread.join()
        http.server_close()


@pytest.fixture
def deaf_address() -> Iterator[str]:
    """The address of a server that accepts and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
