"""The report: the dashboard's pages in one file, offline, escaped, with the records' numbers."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from proveout.ideas import BASELINE
from proveout.ledger import BaselineLaw, History, VerdictsRead
from proveout.report import _html, as_json, render_html, write_html, write_markdown
from proveout.study import Study
from proveout.trials import Trial
from tests.report.conftest import EFFECTS, HOSTILE, make_study, open_study, verdict_of

AXE = Path(__file__).parents[1] / "web" / "vendor" / "axe.min.js"
VOID = {"meta", "link", "br", "hr", "img", "path", "use", "circle", "rect", "input"}


class Page(HTMLParser):
    """Tags, addresses and the cells of the table of ideas."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.attributes: set[str] = set()
        self.rows: list[list[str]] = []
        self.ids: list[str] = []
        self.scripts: list[str] = []
        self._open: list[str] = []
        self._tables: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "table":
            self._tables.append(dict(attrs).get("class") or "")
        self.attributes |= {name for name, _ in attrs}
        self.addresses += [v or "" for n, v in attrs if n in {"href", "src", "xlink:href"}]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self._open.append(tag)
        if tag == "tr" and self._tables[-1] == "ideas cards":
            self.rows.append([])
        if tag == "td" and self._tables[-1] == "ideas cards":
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "script":
            self.scripts.append(data)
        if (
            self._tables
            and self._tables[-1] == "ideas cards"
            and "td" in self._open
            and self.rows
            and self.rows[-1]
        ):
            self.rows[-1][-1] += data


@pytest.fixture(scope="module")
def rendered(study: Study, history: History, diffs: dict[str, str]) -> str:
    return render_html(study, history, diffs)


def test_the_table_has_the_records_numbers(rendered: str, history: History) -> None:
    rows = {row[0].partition(" ")[0]: row for row in Page(rendered).rows if row}
    assert list(rows) == list(EFFECTS)
    for verdict in history.verdicts.verdicts:  # type: ignore[union-attr]
        _, word, _, gap, compute, helps, seeds, why = rows[verdict.idea]
        assert verdict.verdict in word
        assert why == verdict.why
        if verdict.gap_at_target is None:
            assert (gap, compute, helps, seeds) == ("—", "—", "—", "—")
            continue
        numbers = [float(each) for each in re.findall(r"[-+]?\d+\.\d+", gap)]
        assert numbers == pytest.approx([verdict.gap_at_target, *verdict.interval80], abs=0.00501)  # type: ignore[misc]
        factors = [float(each) for each in re.findall(r"\d+\.\d+", compute)]
        known = [f for f in verdict.multiplier_interval80 or () if f is not None]
        assert factors == pytest.approx([verdict.compute_multiplier, *known], abs=0.00501)
        pairs = verdict.measured[0][3]
        assert seeds == f"{len(verdict.measured)} × {pairs}"


def test_nothing_outside_is_asked_for(rendered: str) -> None:
    page = Page(rendered)
    for address in page.addresses:
        assert address.startswith(("#", "data:"))
    assert "@import" not in rendered
    assert not re.search(r"url\((?!#)", rendered)
    assert len(page.ids) == len(set(page.ids))
    inside = {each[1:] for each in page.addresses if each.startswith("#")}
    assert inside <= set(page.ids)


def test_every_page_and_every_idea_is_in_it(rendered: str) -> None:
    ids = Page(rendered).ids
    assert {"overview", "ladder", "scaling", "spending", "trust"} <= set(ids)
    assert {f"idea-{name}" for name in (BASELINE, *EFFECTS)} <= set(ids)


def test_only_its_own_script_may_run(
    rendered: str, study: Study, hostile: History, diffs: dict[str, str]
) -> None:
    (script,) = Page(rendered).scripts
    told = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{told}'" in html.unescape(rendered)
    assert "unsafe" not in rendered
    assert Page(render_html(study, hostile, diffs)).scripts == [script]


def test_everything_a_researcher_wants_is_there(rendered: str, history: History) -> None:
    text = html.unescape(re.sub(r"<[^>]+>", "", rendered))
    for expected in (
        "2 of 9 ideas hold at 1e12 flops", "git --git-dir=program.git worktree add",
        "inside the 80% interval", "could not take in half-batch", "bad-patch",
        "the patch does not apply: train.py:88", "audited", "2 x Example CPU, 8 GB",
        "out of memory", "set aside: noop", "x = 2 if a < b else 3", "above the top rung",
        f"{history.losses(BASELINE, 0)[1]:.4f}",
        str(history.trials[Trial(0, 0, BASELINE)].seed),
    ):  # fmt: skip
        assert expected in text


def test_hostile_text_is_only_text(study: Study, hostile: History, diffs: dict[str, str]) -> None:
    text = render_html(study, hostile, diffs)
    page = Page(text)
    assert not {name for name in page.attributes if name.startswith("on")}
    assert "&lt;script&gt;alert(1)" in text
    assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert all(address.startswith(("#", "data:")) for address in page.addresses)


def test_the_same_records_give_the_same_file(
    study: Study, history: History, diffs: dict[str, str], rendered: str, tmp_path: Path
) -> None:
    path = tmp_path / "new" / "report.html"
    write_html(study, history, diffs, path)
    write_html(study, history, diffs, path)
    assert path.read_text(encoding="utf-8") == rendered
    assert [each.name for each in path.parent.iterdir()] == ["report.html"]


def big_study(ideas: int, seeds: int) -> tuple[Study, History, dict[str, str]]:
    """All ideas at four rungs, and changes of many lines."""
    study = make_study()
    names = tuple(f"idea-number-{number}" for number in range(ideas))
    maker = open_study(study, names)
    for rung in range(4):
        for replicate in range(seeds):
            for name in (BASELINE, *names):
                maker.score(Trial(rung, replicate, name), -0.1)
    verdicts = tuple(verdict_of(name, "holds", (-0.1, -0.1, -0.2, -0.2), seeds) for name in names)
    maker.say(VerdictsRead(verdicts, 4 * seeds * ideas, BaselineLaw((), "L = 1")))
    return study, maker.history(), dict.fromkeys(names, "+some line of code that is long\n" * 40)


def test_a_study_of_a_thousand_trials_is_whole_in_two_megabytes() -> None:
    text = render_html(*big_study(ideas=60, seeds=4))
    assert len(text.encode()) < 2_000_000
    assert len(re.findall('class="page idea"', text)) == 61
    assert text.count("some line of code that is long") == 60 * 40
    assert "Not in it: training curves and logs, which the dashboard shows." in text


def test_what_does_not_fit_is_said_and_no_link_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_html, "MOST_BYTES", 220_000)
    monkeypatch.setattr(_html, "_ROWS", 40)
    study, history, diffs = big_study(ideas=50, seeds=1)
    text = render_html(study, history, diffs)
    assert len(text.encode()) < 220_000
    page = Page(text)
    inside = {each[1:] for each in page.addresses if each.startswith("#")}
    assert inside <= set(page.ids)
    pages = len(re.findall('class="page idea"', text))
    assert 10 < pages < 51
    assert f"10 ideas in the tables; {51 - pages} pages of ideas" in text
    assert "Its change is not in this file" in text


def test_unfinished_studies_have_a_page_too(study: Study) -> None:
    maker = open_study(study)
    stages = [History(), maker.history()]
    maker.add("rotary")
    maker.start(Trial(0, 0, "rotary"))
    stages.append(maker.history())
    maker.fail(Trial(0, 1, "rotary"), "diverged", "its loss stopped being finite")
    stages.append(maker.history())
    for each in stages:
        text = render_html(study, each, {})
        Page(text)
        assert "nan" not in text.lower().replace("nanos", "")
    assert "No idea has been tried yet." in render_html(study, stages[0], {})
    assert "not judged" in text
    assert "diverged" in text


def test_json_is_plain_and_keeps_what_is_missing(
    study: Study, history: History, hostile: History
) -> None:
    document = json.loads(json.dumps(as_json(study, history), allow_nan=False))
    assert document["format"] == "proveout-report"
    assert document["version"] == 1
    assert [each["idea"] for each in document["verdicts"]] == list(EFFECTS)
    typo = document["verdicts"][-1]
    assert typo["gap_at_target"] is None
    assert typo["compute_multiplier"] is None
    assert document["account"]["charged"] == history.account.charged
    measured = [each for each in document["trials"] if each["measurement"]]
    assert len(measured) == sum(r.measurement is not None for r in history.trials.values())
    assert document["forecasts"][0]["scored"]["inside80"] is True
    for each in (hostile, History()):
        json.dumps(as_json(study, each), allow_nan=False)
    assert as_json(study, hostile)["forecasts"][0]["baseline_loss"] is None


def test_markdown_has_the_table_and_the_decisions(
    study: Study, history: History, hostile: History, tmp_path: Path
) -> None:
    write_markdown(study, history, tmp_path / "report.md")
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + len(EFFECTS)
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 7 for row in rows)
    assert "1. buy: rung 1" in text
    write_markdown(study, hostile, tmp_path / "hostile.md")
    assert "<script>" not in (tmp_path / "hostile.md").read_text(encoding="utf-8")
    write_markdown(study, History(), tmp_path / "empty.md")
    assert "No idea has been tried yet" in (tmp_path / "empty.md").read_text(encoding="utf-8")


def test_a_browser_shows_it_without_complaint(
    study: Study, history: History, hostile: History, diffs: dict[str, str], tmp_path: Path,
    chromium: Any,
) -> None:  # fmt: skip
    said: list[str] = []
    requests: set[str] = set()
    shown = "each => each.filter(page => page.checkVisibility()).map(page => page.id).join()"
    for scheme, each in (("light", history), ("dark", hostile)):
        path = tmp_path / f"{scheme}.html"
        write_html(study, each, diffs | {HOSTILE: HOSTILE}, path)
        page = chromium.new_context(color_scheme=scheme, bypass_csp=True).new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: requests.add(request.url.partition("#")[0]))
        page.goto(path.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        names = page.locator(".page").evaluate_all("each => each.map(page => page.id)")
        for name in names:
            page.goto(f"{path.as_uri()}#{name}")
            assert page.locator(".page").evaluate_all(shown) == name
            for width in (390, 1280):
                page.set_viewport_size({"width": width, "height": 800})
                assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        page.goto(f"{path.as_uri()}#{names[-2]}")
        page.add_script_tag(path=str(AXE))
        found = page.evaluate("axe.run()")["violations"]
        bad = [(f["id"], f["nodes"][0]["html"]) for f in found
               if f["impact"] in {"serious", "critical"}]  # fmt: skip
        assert not bad
    assert said == []
    assert requests == {(tmp_path / f"{scheme}.html").as_uri() for scheme in ("light", "dark")}


def test_keys_and_search_work_under_its_own_policy(
    study: Study, history: History, diffs: dict[str, str], tmp_path: Path, chromium: Any
) -> None:
    write_html(study, history, diffs, tmp_path / "report.html")
    page = chromium.new_page()
    page.goto((tmp_path / "report.html").as_uri())
    rows = page.locator("#overview .ideas tbody tr:visible")
    page.locator(".words button", has_text="holds").click()
    assert rows.count() == 3
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.locator("#trust").wait_for(state="visible")
    page.keyboard.press("/")
    page.wait_for_function("document.activeElement.matches('[data-search]')")
    page.keyboard.type("rot")
    assert rows.count() == 1
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.locator("#idea-rotary").wait_for(state="visible")
    assert page.locator("#overview").is_hidden()
    page.go_back()
    page.locator("#overview").wait_for(state="visible")
    context = chromium.new_context(java_script_enabled=False)
    still = context.new_page()
    still.goto((tmp_path / "report.html").as_uri())
    still.locator(".tabs a", has_text="Ladder").click()
    assert still.locator("#ladder").is_visible() and still.locator("#overview").is_hidden()
