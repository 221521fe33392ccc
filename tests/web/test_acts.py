"""What a visitor asks of a study is done by the one writer of its ledger, or refused."""

from __future__ import annotations

import difflib
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from proveout.ledger import History, read_history
from proveout.loop import run_study
from proveout.study import read_study

KINDS = ("add", "withdraw", "retry", "pause", "resume", "stop", "budget")


def form_key(site: Any) -> str:
    return re.findall(r'name="key" value="([0-9a-f]+)"', site.page().text)[0]


def act(site: Any, key: str, **fields: str) -> Any:
    body = urlencode({"key": key, **fields})
    return site.ask(f"/s/{site.slug}/act", "POST", body=body)


def patch(toy: Any, old: str, new: str) -> str:
    lines = difflib.unified_diff(toy.train.splitlines(), toy.train.replace(old, new).splitlines(),
                                 "a/train.py", "b/train.py", lineterm="")  # fmt: skip
    return "\r\n".join(lines)  # as a browser sends it


def until(check: Callable[[], Any], seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


@pytest.fixture(scope="session")
def run_once(toy_in: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A study that has been run to its end without any idea."""
    toy = toy_in(tmp_path_factory.mktemp("ran") / "toy")
    run_study(read_study(toy.folder))
    return toy


@pytest.fixture
def ran(run_once: Any, tmp_path: Path) -> Any:
    """A copy of it."""
    return replace(run_once, folder=shutil.copytree(run_once.folder, tmp_path / "toy"))


def test_a_form_without_its_key_or_from_elsewhere_changes_nothing(
    ran: Any, serve_folder: Any
) -> None:
    with serve_folder(ran.folder) as site:
        before = read_history(ran.folder).entries
        key = form_key(site)
        for kind in KINDS:
            fields = {"kind": kind, "name": "x", "amount": "1e9 flops"}
            assert act(site, "0" * 64, **fields).status == 403
            body = urlencode({"key": key, **fields})
            for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}):
                assert site.ask("/s/toy/act", "POST", body=body, **headers).status == 403
            assert site.ask("/s/toy/act", "POST", token=None, body=body).status == 401
        assert act(site, key, kind="delete").status == 400
        assert site.ask("/s/toy/act", "POST", body="x" * 1_600_000).status == 413
        assert site.ask("/s/toy/act").status in {404, 405}
        assert read_history(ran.folder).entries == before
        assert not list((ran.folder / "inbox").glob("*.json"))


def test_a_dashboard_that_only_shows_has_no_forms_and_takes_none(
    ran: Any, serve_folder: Any
) -> None:
    with serve_folder(ran.folder) as site:
        key = form_key(site)
    with serve_folder(ran.folder, "--read-only") as site:
        for page in ("", "ladder", "ideas/baseline"):
            assert "<form method" not in site.page(page).text
        assert act(site, key, kind="budget", amount="1e9 flops").status == 403
        assert read_history(ran.folder).account.budget == 4e9


def test_where_nothing_runs_the_ledger_is_written_at_once(ran: Any, serve_folder: Any) -> None:
    with serve_folder(ran.folder) as site:
        key = form_key(site)
        answer = act(site, key, kind="add", name="cooler", hypothesis="it was too hot",
                     patch=patch(ran, "TEMPERATURE = 1.3", "TEMPERATURE = 1.0"))  # fmt: skip
        assert answer.status == 200, answer.text
        assert act(site, key, kind="budget", amount="1e9 flops", why="it pays").status == 200
        for kind in ("pause", "resume", "stop"):
            answer = act(site, key, kind=kind)
            assert answer.status == 409 and "Nothing runs" in answer.text
        history = read_history(ran.folder)
        assert history.ideas["cooler"].hypothesis == "it was too hot"
        assert history.account.budget == 5e9
        assert not history.paused and not history.stopping
        assert act(site, key, kind="withdraw", name="cooler").status == 200
        assert "cooler" in read_history(ran.folder).withdrawn
        assert act(site, key, kind="retry", name="cooler").status == 200
        assert "cooler" not in read_history(ran.folder).withdrawn
        until(lambda: "budget grew" in site.page().text)


DECLINED = (
    ({"kind": "budget", "amount": ""}, "amount with a unit"),
    ({"kind": "budget", "amount": "5"}, "no unit"),
    ({"kind": "budget", "amount": "-1e9 flops"}, "more than zero"),
    ({"kind": "budget", "amount": "3 device-hours"}, "counts in flops"),
    ({"kind": "add", "name": "../x", "hypothesis": "h"}, "cannot name an idea"),
    ({"kind": "add", "name": "x", "hypothesis": "h", "patch": "nonsense"}, "does not apply"),
    ({"kind": "add", "name": "x", "parameters": "lr"}, "lr=3e-3"),
    ({"kind": "add", "name": "x" * 300}, "60"),
    ({"kind": "withdraw", "name": "nobody"}, "no idea"),
    ({"kind": "retry", "name": "<script>"}, "no idea"),
)


def test_a_request_that_cannot_be_is_declined_with_its_reason(ran: Any, serve_folder: Any) -> None:
    with serve_folder(ran.folder) as site:
        key, before = form_key(site), read_history(ran.folder)
        for fields, told in DECLINED:
            answer = act(site, key, **fields)
            assert told in answer.text, fields
            assert answer.status >= 400 and "Not done" in answer.text, fields
            assert "<script>" not in answer.text
            if fields["kind"] == "add":  # what was written is there to be put right
                assert f'value="{fields["name"]}"' in answer.text
        after = read_history(ran.folder)
        assert after.ideas == before.ideas and after.account == before.account


def make_slow(toy: Any) -> None:
    """Three ideas to climb with, and trials that last long enough to be steered."""
    slow = toy.train.replace("import argparse\n", "import argparse\nimport time\n", 1)
    slow += "\ntime.sleep(0.3)\n"
    (toy.folder / "program" / "train.py").write_text(slow)
    for name, old, new in (
        ("surer", "FORGET = 0.2", "FORGET = 0.001"),
        ("sharper", "SMOOTHING = 1.0", "SMOOTHING = 0.1"),
        ("reseed", "default_rng(args.seed)", "default_rng(args.seed + 1)"),
    ):
        toy.idea_from(name, slow.replace(old, new), against=slow)


def test_each_action_is_done_by_clicking(toy: Any, serve_folder: Any, chromium: Any) -> None:
    make_slow(toy)
    running = subprocess.Popen(
        [sys.executable, "-m", "proveout", "run", str(toy.folder)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stdout is not None
    running.stdout.readline()
    with serve_folder(toy.folder) as site:
        page = chromium.new_page()
        page.goto(site.address)
        page.get_by_role("button", name="Pause").click()
        history = until(lambda: look(toy, lambda h: h.paused and not running_now(h)))
        count = len(history.trials)
        page.goto(f"{site.base}/")
        page.locator(".state", has_text="paused").wait_for(timeout=30_000)

        page.locator("summary", has_text="Add to the budget").click()
        page.get_by_label("How much more").fill("1e9 flops")
        page.get_by_role("button", name="Add to the budget").click()
        page.get_by_role("link", name="Back to the study").click()
        until(lambda: look(toy, lambda h: h.account.budget == 5e9))
        assert len(read_history(toy.folder).trials) == count

        page.locator("summary", has_text="Add an idea").click()
        page.get_by_role("textbox", name="Name").fill("cooler")
        page.get_by_label("Hypothesis").fill("it was too hot")
        text = (toy.folder / "program" / "train.py").read_text()
        change = difflib.unified_diff(
            text.splitlines(), text.replace("TEMPERATURE = 1.3", "TEMPERATURE = 1.0").splitlines(),
            "a/train.py", "b/train.py", lineterm="",
        )  # fmt: skip
        page.get_by_label("Patch").fill("\n".join(change))
        page.get_by_role("button", name="Hand the idea in").click()
        until(lambda: look(toy, lambda h: "cooler" in h.ideas))

        page.goto(f"{site.base}/")
        page.get_by_role("button", name="Resume").click()
        until(lambda: look(toy, lambda h: h.losses("cooler", 0)))
        page.goto(f"{site.base}/ideas/cooler")
        page.get_by_role("button", name="Withdraw").click()
        until(lambda: look(toy, lambda h: "cooler" in h.withdrawn))
        page.goto(f"{site.base}/ideas/cooler")
        page.get_by_role("button", name="Try again").click()
        until(lambda: look(toy, lambda h: "cooler" not in h.withdrawn))

        page.goto(f"{site.base}/")
        page.get_by_role("button", name="Stop after").click()
        assert running.wait(60) == 3
        running.stdout.close()
        history = read_history(toy.folder)
        assert not running_now(history)
        assert not any(record.state == "interrupted" for record in history.trials.values())


def look(toy: Any, check: Callable[[History], Any]) -> History | None:
    history = read_history(toy.folder)
    return history if check(history) else None


def running_now(history: History) -> bool:
    return any(record.state == "running" for record in history.trials.values())
