"""Who may look, and what a browser is told to refuse."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

ADDRESSES = ("/", "/s/toy/", "/s/toy/ladder", "/s/toy/ideas/rotary", "/s/toy/events",
             "/s/toy/curves/rotary?rung=0", "/static/page.js")  # fmt: skip


def test_without_the_token_nothing_is_shown(site: Any) -> None:
    for address in ADDRESSES:
        for token in (None, "another-token"):
            answer = site.ask(address, token=token)
            assert answer.status == 401, address
            assert "rotary" not in answer.text
    assert site.ask("/?token=another-token", token=None).status == 401
    assert site.ask("/s/toy/", token=None, Cookie="proveout-1=x; a=é").status == 401


def test_the_token_becomes_a_cookie_that_scripts_and_other_sites_do_not_get(site: Any) -> None:
    answer = site.ask("/s/toy/ladder?q=rot&token=a-token-for-tests", token=None)
    assert answer.status == 303
    assert answer.headers["location"] == "/s/toy/ladder?q=rot"
    cookie = answer.headers["set-cookie"]
    assert "httponly" in cookie.lower() and "samesite=strict" in cookie.lower()
    assert "a-token-for-tests" not in cookie
    kept = cookie.partition(";")[0]
    assert site.ask("/s/toy/ladder", token=None, Cookie=kept).status == 200
    assert site.ask("/s/toy/ladder", token=None, Cookie=kept + "0").status == 401


def test_an_address_with_two_strokes_leads_nowhere_else(site: Any) -> None:
    answer = site.ask("//evil.example/?token=a-token-for-tests", token=None)
    assert answer.status == 303
    assert answer.headers["location"].startswith("/evil.example")


def test_a_host_that_was_rebound_is_refused(site: Any) -> None:
    answer = site.ask("/s/toy/", Host="evil.example")
    assert answer.status == 421
    assert "rotary" not in answer.text


def test_every_answer_forbids_scripts_from_elsewhere_and_framing(site: Any) -> None:
    for address in ADDRESSES[:4] + ADDRESSES[5:] + ("/nothing", "/s/nothing/"):
        for token in ("a-token-for-tests", None):
            headers = site.ask(address, token=token).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy and "script-src 'self'" in policy
            assert "unsafe" not in policy and "frame-ancestors 'none'" in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize(
    "path",
    ["/s/toy/nothing", "/s/nothing/", "/s/toy/ideas/nothing", "/static/../../_gate.py",
     "/static/%2e%2e/%2e%2e/_gate.py", "/s/..%2f..%2fetc/", "/s/toy/ideas/%3Cscript%3E"],
)  # fmt: skip
def test_what_is_not_there_is_said_so(site: Any, path: str) -> None:
    answer = site.ask(path)
    assert answer.status == 404
    assert "<script>" not in answer.text and "Gate" not in answer.text


@pytest.mark.parametrize("rung", ["", "x", "-1", "1e9", "99999", "٣"])
def test_a_rung_that_is_none_is_a_mistake(site: Any, rung: str) -> None:
    from urllib.parse import quote

    answer = site.ask(f"/s/toy/curves/rotary?rung={quote(rung)}")
    assert answer.status == 400


def test_a_token_that_could_be_guessed_is_refused(toy: Any, proveout: Path) -> None:
    command = [proveout, "serve", toy.folder, "--token", "short"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "12" in done.stderr and "Traceback" not in done.stderr


def test_a_folder_without_studies_is_a_mistake(tmp_path: Path, proveout: Path) -> None:
    command = [proveout, "serve", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "study.toml" in done.stderr and "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_said_so(toy: Any, proveout: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [proveout, "serve", toy.folder, "--port", port],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert done.returncode == 1
    assert port in done.stderr and "--port" in done.stderr
