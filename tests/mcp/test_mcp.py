"""The MCP server, driven by the official client over stdio."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from typing import Any

import pytest

from proveout.ledger import read_history
from proveout.loop import run_study, waiting
from proveout.study import read_study

if find_spec("mcp") is None:
    pytest.skip("mcp is not installed", allow_module_level=True)

COOLER = {
    "name": "cooler",
    "hypothesis": "it is too hot",
    "predicts": "steady - a flaw at every scale",
    "edits": [{"path": "train.py", "search": "TEMPERATURE = 1.3", "replace": "TEMPERATURE = 1.0"}],
}


READS = ("read_study", "list_ideas", "read_program")


def drive(toy: Any, what: Callable[[Any], Awaitable[None]]) -> None:
    """Runs a client against `proveout mcp` in a process of its own."""
    from mcp import ClientSession, StdioServerParameters, stdio_client

    async def go() -> None:
        server = StdioServerParameters(
            command=sys.executable,
            args=["-m", "proveout", "mcp", str(toy.folder)],
            env=dict(os.environ),
        )
        async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            await what(session)

    asyncio.run(asyncio.wait_for(go(), 100))


async def ask(session: Any, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await session.call_tool(tool, arguments)
    assert not result.is_error, result.content
    answer: dict[str, Any] = json.loads(result.content[0].text)
    return answer


async def refused(session: Any, tool: str, **arguments: Any) -> str:
    result = await session.call_tool(tool, arguments)
    assert result.is_error, result.content
    return str(result.content[0].text)


def small(toy: Any) -> Any:
    toy.edit('compute = "4e9 flops"', 'compute = "6e8 flops"')
    return toy


def test_an_agent_drives_a_whole_study(toy: Any) -> None:
    small(toy)
    run_study(read_study(toy.folder))  # the baseline is there; nothing to prove

    async def go(session: Any) -> None:
        study = await ask(session, "read_study")
        assert study["editable"] == ["train.py"]
        assert (await ask(session, "read_program"))["files"] == ["notes.md", "train.py"]
        page = await ask(session, "read_program", path="train.py")
        assert "TEMPERATURE = 1.3" in page["text"]
        handle = (await ask(session, "propose_idea", **COOLER))["handle"]
        assert (await ask(session, "check_request", handle=handle))["state"] == "waiting"
        command = [sys.executable, "-m", "proveout", "run", "--quiet", str(toy.folder)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        seen, changes = 0, 0
        while True:
            request = await ask(session, "check_request", handle=handle)
            if request["state"] == "done":
                told = await ask(session, "wait_for_verdict", name="cooler", trials_seen=seen)
                changes += told["changed"]
                seen = told["trials"]
                if told["final"]:
                    break
            await asyncio.sleep(0.2)
        process.wait()
        assert told["verdict"]["verdict"] == "holds"
        assert changes >= 1
        evidence = await ask(session, "ask_for_evidence", name="cooler")
        assert len(evidence["gaps"]) >= 4
        assert "+TEMPERATURE = 1.0" in (await ask(session, "read_change", name="cooler"))["text"]
        (row,) = [i for i in (await ask(session, "list_ideas"))["ideas"] if i["idea"] == "cooler"]
        assert row["origin"] == "mcp"

    drive(toy, go)


def test_every_tool_and_every_argument_is_documented(toy: Any) -> None:
    async def go(session: Any) -> None:
        tools = (await session.list_tools()).tools
        assert {tool.name for tool in tools} == {
            "read_study", "list_ideas", "read_program", "read_change", "ask_for_evidence",
            "propose_idea", "check_request", "wait_for_verdict",
        }  # fmt: skip
        for tool in tools:
            assert tool.description
            for name, schema in tool.input_schema.get("properties", {}).items():
                assert schema.get("description"), (tool.name, name)

    drive(toy, go)


HOSTILE: list[tuple[str, dict[str, Any]]] = [
    ("read_program", {"path": "../study.toml"}),
    ("read_program", {"path": "/etc/passwd"}),
    ("read_program", {"path": "train.py\0"}),
    ("read_program", {"path": 7}),
    ("read_program", {"path": "train.py", "page": -1}),
    ("read_change", {"name": "../baseline"}),
    ("read_change", {"name": "--output=/tmp/x"}),
    ("ask_for_evidence", {"name": "x" * 10_000}),
    ("ask_for_evidence", {}),
    ("check_request", {"handle": "../../ledger.sqlite"}),
    ("wait_for_verdict", {"name": "baseline", "trials_seen": "many"}),
    ("propose_idea", COOLER | {"name": "../../x"}),
    ("propose_idea", COOLER | {"name": "baseline"}),
    ("propose_idea", COOLER | {"name": "stack-1"}),
    ("propose_idea", COOLER | {"predicts": "it is just better"}),
    ("propose_idea", COOLER | {"edits": []}),
    ("propose_idea", COOLER | {"edits": [{"path": "../x", "search": "", "replace": "x"}]}),
    ("propose_idea", COOLER | {"edits": [{"path": "train.py", "search": "no", "replace": ""}]}),
    ("propose_idea", COOLER | {"patch": "x" * 3_000_000, "edits": []}),
    ("propose_idea", COOLER | {"edits": "train.py"}),
    ("propose_idea", COOLER | {"hypothesis": "x" * 100_000}),
    ("delete_study", {}),
]


def test_a_hostile_client_changes_nothing_that_it_may_not(toy: Any) -> None:
    toy.edit('compute = "4e9 flops"', 'compute = "1e8 flops"')
    toy.idea("surer", ("FORGET = 0.2", "FORGET = 0.001"))
    run_study(read_study(toy.folder))
    before = {
        file.relative_to(toy.folder): file.read_bytes()
        for file in toy.folder.rglob("*")
        if file.is_file() and "inbox" not in file.parts and not file.name.startswith("ledger")
    }
    account = read_history(toy.folder).account

    async def go(session: Any) -> None:
        for tool, arguments in HOSTILE:
            try:
                said = await refused(session, tool, **arguments)
            except Exception as error:  # a protocol error is an answer too
                said = str(error)
            assert "Traceback" not in said
        assert not waiting(read_study(toy.folder))
        began = time.monotonic()
        # A thousand calls at once: they leave the client within a second.
        ideas = [session.call_tool("propose_idea", COOLER | {"name": f"n{i}"}) for i in range(150)]
        asked = [session.call_tool(READS[i % len(READS)], {}) for i in range(850)]
        answers = await asyncio.gather(*ideas, *asked)
        assert sum(not answer.is_error for answer in answers[:150]) == 100
        assert not any(answer.is_error for answer in answers[150:])
        assert (await ask(session, "read_study"))["requests_waiting"] == 100
        assert time.monotonic() - began < 90

    drive(toy, go)
    after = {name: (toy.folder / name).read_bytes() for name in before}
    assert after == before
    assert read_history(toy.folder).account == account
    # The controller takes in no more of them than may wait for a first run.
    from proveout.loop import settle

    settle(read_study(toy.folder), "")
    history = read_history(toy.folder)
    assert sum(idea.origin == "mcp" for idea in history.ideas.values()) <= 10
    assert history.account == account
    assert not waiting(read_study(toy.folder))


def test_a_request_that_is_none_is_declined_and_gone(toy: Any) -> None:
    inbox = toy.folder / "inbox"
    inbox.mkdir()
    (inbox / "1.json").write_text("[" * 100_000)
    (inbox / "2.json").write_text('{"kind": "spend", "name": "x"}')
    (inbox / "3.json").symlink_to(toy.folder / "study.toml")
    (inbox / "4.json").write_bytes(b"\xff" * 3_000_000)
    os.mkfifo(inbox / "5.json")
    toy.edit('compute = "4e9 flops"', 'compute = "3e7 flops"')
    history = run_study(read_study(toy.folder)).history
    assert set(history.requests) == {"1", "2", "3", "4", "5"}
    assert all("declined" in outcome for outcome in history.requests.values())
    assert not list(inbox.iterdir())
    assert toy.file.exists()
