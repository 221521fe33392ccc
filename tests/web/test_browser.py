"""In a real browser: live updates, curves, keys, no complaint, no request to elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proveout.ledger import read_history

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
PAGES = ("", "ladder", "scaling", "spending", "trust", "ideas/rotary", "ideas/typo")
TOKEN = "a-token-for-tests"
TOO_BAD = {"serious", "critical"}


def screenshot(page: Any, name: str) -> None:
    """Kept where PROVEOUT_SCREENSHOTS says, to be looked at."""
    if folder := os.environ.get("PROVEOUT_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


class Listener:
    """What a browser's pages complained of and asked for."""

    def __init__(self, context: Any, host: str) -> None:
        self.said: list[str] = []
        self.elsewhere: list[str] = []
        context.on("console", lambda message: self.said.append(message.text))
        context.on("weberror", lambda error: self.said.append(str(error.error)))
        context.on("request", lambda r: self.elsewhere.append(r.url) if host not in r.url else None)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_fits(scheme: str, site: Any, chromium: Any) -> None:
    context = chromium.new_context(color_scheme=scheme, bypass_csp=True)
    listener = Listener(context, f"{site.host}:{site.port}")
    page = context.new_page()
    page.goto(site.address)
    for name in PAGES:
        page.goto(f"{site.base}/{name}")
        for width in (390, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            screenshot(page, f"{name.replace('/', '-') or 'overview'}-{scheme}-{width}")
        assert not faults(page), name
    assert listener.said == []
    assert listener.elsewhere == []
    page.goto(f"{site.base}/nothing")
    assert not faults(page)
    context.clear_cookies()
    page.set_viewport_size({"width": 390, "height": 900})
    page.goto(f"{site.base}/?token=not-this-one")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert not faults(page)
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Open").click()
    page.wait_for_url(f"{site.base}/")


def faults(page: Any) -> list[tuple[str, str]]:
    """What axe finds that is serious."""
    page.add_script_tag(path=str(AXE))
    found = page.evaluate("axe.run()")["violations"]
    return [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in TOO_BAD]


def test_the_page_follows_a_study_that_runs(toy: Any, serve_folder: Any, chromium: Any) -> None:
    toy.idea("cooler", ("TEMPERATURE = 1.3", "TEMPERATURE = 1.0"))
    toy.idea("comment", ("    np.add.at", "    # Count each pair.\n    np.add.at"))
    command = [sys.executable, "-m", "proveout", "run", str(toy.folder)]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    first.stdout.readline()  # the ledger is there
    with serve_folder(toy.folder) as site:
        context = chromium.new_context()
        listener = Listener(context, f"{site.host}:{site.port}")
        page = context.new_page()
        page.goto(site.address)
        page.wait_for_selector("h1")
        page.evaluate("window.notReloaded = true")
        page.locator("details summary", has_text="What the verdicts mean").click(timeout=30_000)
        assert first.wait(120) == 0 or first.returncode == 3
        first.stdout.close()
        page.locator(".state", has_text="ended").wait_for(timeout=30_000)
        finished = read_history(toy.folder).finished_trials
        assert f"{finished} trials" in page.locator(".state").inner_text()
        assert page.evaluate("window.notReloaded") is True
        assert page.locator("details[open]", has_text="What the verdicts mean").count() == 1
        page.goto(f"{site.base}/ideas/cooler")
        assert "holds" in page.locator(".headline").inner_text()
        assert listener.said == []
        assert listener.elsewhere == []


def test_keys_search_and_curves(
    recorded: Callable[[str], Any], serve_folder: Any, chromium: Any
) -> None:
    toy = recorded("make_history")
    for idea in ("baseline", "rotary"):
        out = toy.folder / "trials" / f"{idea}-r4-s1" / "out"
        out.mkdir(parents=True)
        lines = [f'{{"flops": {step}e9, "loss": {5 - step / 100}}}\n' for step in range(1, 300)]
        (out / "metrics.jsonl").write_text("".join(lines))
    with serve_folder(toy.folder) as site:
        context = chromium.new_context()
        listener = Listener(context, f"{site.host}:{site.port}")
        page = context.new_page()
        page.goto(site.address)
        page.keyboard.press("/")
        page.keyboard.type("rot", delay=20)
        page.locator("#rows .ideas tbody tr").nth(1).wait_for(state="detached")
        assert page.url.endswith("q=rot&verdict=&sort=verdict")
        page.keyboard.press("Escape")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_url("**/ideas/rotary")
        page.wait_for_selector(".curves canvas")
        assert page.locator(".u-legend .u-series").count() == 3
        screenshot(page, "curves-light-1280")
        page.keyboard.press("g")
        page.keyboard.press("t")
        page.wait_for_url("**/trust")
        assert listener.said == []
        assert listener.elsewhere == []
        assert page.locator("#lost").is_hidden()
    page.locator("#lost", has_text="may be old").wait_for(timeout=30_000)
