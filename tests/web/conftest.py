"""A study that was run, one full of hostile text, and a real server in front of each."""

from __future__ import annotations

import contextlib
import http.client
import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from proveout.ledger import Ledger

TOKEN = "a-token-for-tests"
MADE = runpy.run_path(str(Path(__file__).parents[1] / "report" / "conftest.py"))
LADDER = """
[ladder]
target = "1e12 flops"
[[ladder.rung]]
compute = "1e10 flops"
[[ladder.rung]]
compute = "3e10 flops"
[[ladder.rung]]
compute = "1e11 flops"
[[ladder.rung]]
compute = "3e11 flops"

[budget]
compute = "2e13 flops"

"""


@dataclass(frozen=True)
class Answer:
    """What came back for one request."""

    status: int
    headers: dict[str, str]
    text: str


@dataclass(frozen=True)
class Site:
    """A server that is up."""

    address: str
    """With its token."""
    host: str
    port: int
    slug: str

    @property
    def base(self) -> str:
        """Where the study's pages begin."""
        return f"http://{self.host}:{self.port}/s/{self.slug}"

    def ask(
        self, path: str, method: str = "GET", token: str | None = TOKEN, body: str = "",
        **headers: str,
    ) -> Answer:  # fmt: skip
        """One request, with the token in a header unless told otherwise."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        given = {key.replace("_", "-"): value for key, value in headers.items()}
        if token is not None:
            given["Authorization"] = f"Bearer {token}"
        with contextlib.closing(connection):
            connection.request(method, path, body or None, given)
            answer = connection.getresponse()
            told = {key.lower(): value for key, value in answer.getheaders()}
            return Answer(answer.status, told, answer.read().decode())

    def page(self, name: str = "") -> Answer:
        """One of the study's pages."""
        return self.ask(f"/s/{self.slug}/{name}")


@contextlib.contextmanager
def serving(folder: Path, *options: str) -> Iterator[Site]:
    """`proveout serve` on a folder, ended afterwards."""
    command = [sys.executable, "-m", "proveout", "serve", str(folder), *options]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PROVEOUT_TOKEN": TOKEN}
    )
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        host, _, port = address.removeprefix("http://").partition("/")[0].rpartition(":")
        yield Site(address, host, int(port), folder.name)
    finally:
        process.terminate()
        try:
            process.wait(20)
        finally:
            process.kill()
            process.stdout.close()


@pytest.fixture
def serve_folder() -> Callable[..., contextlib.AbstractContextManager[Site]]:
    """`with serve_folder(folder, "--read-only") as site:`"""
    return serving


def record(toy: Any, maker: str) -> Any:
    """Makes a toy's ledger of the synthetic events that the report's tests use."""
    text = toy.file.read_text()
    head, rest = text.split("[ladder]", 1)
    toy.file.write_text(head + LADDER + "[seeds]" + rest.split("[seeds]", 1)[1])
    entries: list[Any] = []
    say = MADE["Maker"].say

    def say_and_keep(self: Any, event: Any, seconds: float = 1.0) -> None:
        entries.append(event)
        say(self, event, seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MADE["Maker"], "say", say_and_keep)
        MADE[maker]()
    with Ledger(toy.folder) as ledger:
        for event in entries:
            with contextlib.suppress(ValueError):  # no ledger would hold a NaN
                ledger.append(event)
    return toy


@pytest.fixture
def recorded(toy: Any) -> Callable[[str], Any]:
    """`recorded("make_history")`: a study of synthetic events, for one test alone."""
    return lambda maker: record(toy, maker)


@pytest.fixture(scope="session")
def shown(toy_in: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A study of synthetic events that no test changes."""
    return record(toy_in(tmp_path_factory.mktemp("shown") / "toy"), "make_history")


@pytest.fixture(scope="session")
def site(shown: Any) -> Iterator[Site]:
    """A server in front of `shown`, for all tests that only look."""
    with serving(shown.folder) as up:
        yield up
