"""Ideas for the toy study, good and bad, and a study that has been run to its end."""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from proveout.loop import Outcome, run_study
from proveout.study import read_study

SURER = ("FORGET = 0.2", "FORGET = 0.001")
SUREST = ("FORGET = 0.2", "FORGET = 0.0001")
COOLER = ("TEMPERATURE = 1.3", "TEMPERATURE = 1.0")
SHARPER = ("SMOOTHING = 1.0", "SMOOTHING = 0.1")
BLUNTER = ("SMOOTHING = 1.0", "SMOOTHING = 10.0")
COMMENT = ("    np.add.at", "    # Count each pair.\n    np.add.at")
RESEED = ("default_rng(args.seed)", "default_rng(args.seed + 1)")
CRASH = ("    counts = np.full", "    raise RuntimeError('boom')\n    counts = np.full")
GREEDY = ("args.share * args.flops", "3 * args.flops")


@pytest.fixture
def research_toy(toy: Any) -> Any:
    """A toy study with ideas of every kind."""
    return with_ideas(toy)


@pytest.fixture(scope="session")
def researched(toy_in: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Outcome]:
    """The study of `research_toy`, run to its end: to be looked at, not to be changed."""
    toy = with_ideas(toy_in(tmp_path_factory.mktemp("researched") / "toy"))
    return toy, run_study(read_study(toy.folder))


@pytest.fixture(scope="session")
def _surer_ran(toy_in: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    toy = toy_in(tmp_path_factory.mktemp("ran") / "toy")
    toy.idea("surer", SURER)
    run_study(read_study(toy.folder))
    return toy


@pytest.fixture
def surer_ran(_surer_ran: Any, tmp_path: Path) -> Any:
    """A study of one good idea that has been run to its end; a copy for each test."""
    shutil.copytree(_surer_ran.folder, tmp_path / "ran")
    return replace(_surer_ran, folder=tmp_path / "ran")


def with_ideas(toy: Any) -> Any:
    """The toy study with ideas of every kind."""
    toy.idea("surer", SURER)
    toy.idea("surest", SUREST)
    toy.idea("cooler", COOLER)
    toy.idea("sharper", SHARPER)
    toy.idea("blunter", BLUNTER)
    toy.idea("comment", COMMENT)
    toy.idea("reseed", RESEED)
    toy.idea("crash", CRASH)
    toy.idea("greedy", GREEDY)
    half = toy.folder / "ideas" / "half.patch"
    half.write_text("hypothesis: less data\nsource: a test\nset: share=0.5\n---\n")
    broken = toy.folder / "ideas" / "stale.patch"
    broken.write_text(
        "hypothesis: h\nsource: a test\n---\n"
        "--- a/train.py\n+++ b/train.py\n@@ -1 +1 @@\n-no\n+yes\n"
    )
    return toy


@dataclass
class ChatServer:
    """A server on this machine that speaks the OpenAI chat protocol from a script."""

    url: str = ""
    script: list[Any] = field(default_factory=list)
    """What to answer, in turn; the last one again and again. A text is an answer; a function gets
    the handler and returns a text, or writes what it likes."""
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Reads one request and answers it."""
        length = int(handler.headers["content-length"])
        self.requests.append(json.loads(handler.rfile.read(length)))
        self.keys.append(handler.headers.get("authorization", ""))
        step = self.script[min(len(self.requests), len(self.script)) - 1]
        said = step(handler) if callable(step) else step
        if isinstance(said, str) or not callable(step):
            chat_reply(handler, said)


def chat_reply(handler: BaseHTTPRequestHandler, text: str | None, **message: Any) -> None:
    """A whole answer: 1000 tokens in, 500 out."""
    body = {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "toy",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": text, **message},
            }
        ],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 500, "total_tokens": 1500},
    }
    send(handler, 200, json.dumps(body).encode())


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    """Any answer."""
    handler.send_response(status)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    with contextlib.suppress(OSError):
        handler.wfile.write(body)


@pytest.fixture
def chat_server() -> Iterator[ChatServer]:
    """A scripted model on loopback."""
    server = ChatServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            with contextlib.suppress(ConnectionError):
                server.answer(self)

        def log_message(self, *told: object) -> None:
            """Says nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    yield server
    http.shutdown()
    thread.join()
    http.server_close()
