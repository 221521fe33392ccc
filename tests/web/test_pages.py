"""The pages say what the ledger says, and nothing in a record can act on them."""

from __future__ import annotations

import contextlib
import html
import http.client
import re
import shutil
import sqlite3
import time
from typing import Any

from proveout.ledger import LEDGER_FILE, Decided, Ledger, read_history, verify_ledger
from proveout.report import as_json, status_text
from proveout.study import read_study

TOKEN = "a-token-for-tests"
PAGES = ("", "ladder", "scaling", "spending", "trust")


def words(text: str) -> str:
    """A page's text without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def test_the_overview_has_every_verdict_as_the_ledger_has_it(site: Any, shown: Any) -> None:
    document = as_json(read_study(shown.folder), read_history(shown.folder))
    text = site.page().text
    page = words(text)
    lines = {link: words(line) for line in re.findall(r'<tr id="row-.*?</tr>', text, re.DOTALL)
             for link in re.findall(r'/ideas/([^"]+)"', line)}  # fmt: skip
    assert len(lines) == len(document["verdicts"])
    for verdict in document["verdicts"]:
        line = lines[verdict["idea"]]
        assert f" {verdict['verdict']} " in line
        if verdict["gap_at_target"] is not None:
            shown = re.findall(r"[-+]?\d+\.\d+", line)[0]
            assert float(shown) == round(verdict["gap_at_target"], len(shown.partition(".")[2]))
    assert f"{sum(each['done'] + each['failed'] for each in document['counts'])} trials" in page
    for sentence in document["answer"]:
        assert sentence in page
    assert "rejected by an audit: cheater" in page


def test_the_ladder_has_a_cell_for_every_trial(site: Any, shown: Any) -> None:
    history = read_history(shown.folder)
    text = site.page("ladder").text
    assert text.count('<span class="cell ') == len(history.trials)
    failed = sum(record.state == "failed" for record in history.trials.values())
    assert text.count('<span class="cell failed"') == failed


def test_an_idea_has_its_numbers_its_failures_and_its_lineage(site: Any, shown: Any) -> None:
    history = read_history(shown.folder)
    page = site.page("ideas/rotary").text
    for record in history.trials.values():
        if record.trial.idea == "rotary" and record.measurement:
            assert f"{record.measurement.value:.4f}" in page
    assert 'href="/s/toy/ideas/stack-2"' in page
    assert "NameError" in site.page("ideas/typo").text
    stack = words(site.page("ideas/stack-2").text)
    assert "forecast" in stack and "merges rotary" in stack


def test_forecasts_stand_beside_what_was_measured(site: Any) -> None:
    page = words(site.page("scaling").text)
    assert "stack-2 1e12 (target) -0.430 [-0.500, -0.360]" in page
    assert "-0.410" in page and "inside" in page


def test_spending_adds_up_to_the_account(site: Any, shown: Any) -> None:
    from proveout.units import compact

    history = read_history(shown.folder)
    page = words(site.page("spending").text)
    assert f"{compact(history.account.charged)} were charged" in page
    assert f"{compact(history.account.left)} are left" in page


def test_a_table_is_narrowed_sorted_and_turned_by_its_address(site: Any) -> None:
    rows = re.compile(r'<td class="name"><a href="[^"]*/ideas/([^"]+)"')
    assert rows.findall(site.page("?q=rot").text) == ["rotary"]
    assert set(rows.findall(site.page("?verdict=holds").text)) == {"stack-2", "rotary", "swiglu"}
    by_name = rows.findall(site.page("?sort=name").text)
    assert by_name == sorted(by_name)
    assert "No idea matches" in site.page("?q=%3Cscript%3E").text
    for nonsense in (
        "?page=99999999999",
        "?page=-1",
        "?page=%D9%A3",
        "?sort=;drop",
        "?q=" + "x" * 5000,
    ):
        assert site.page(nonsense).status == 200


def test_nothing_in_a_record_can_act(recorded: Any, serve_folder: Any) -> None:
    with serve_folder(recorded("make_hostile_history").folder) as site:
        from urllib.parse import quote

        hostile = quote("<script>alert(1)</script>", safe="")
        ideas = [name for name in read_history_names(site) if "script" in name]
        assert ideas
        for name in (*PAGES, f"?q={hostile}", *(f"ideas/{quote(i, safe='')}" for i in ideas)):
            answer = site.page(name)
            assert answer.status == 200, name
            assert "<script>alert" not in answer.text
            assert "\x1b" not in answer.text and "\u202e" not in answer.text
            scripts = re.findall(r"<script[^>]*>", answer.text)
            assert all('src="/static/' in script for script in scripts)
            assert not re.search(r"\son[a-z]+=", answer.text)


def read_history_names(site: Any) -> list[str]:
    from urllib.parse import unquote

    links = re.findall(r'/ideas/([^"]+)"', site.page().text)
    return [unquote(html.unescape(link)) for link in links]


def test_a_change_of_the_ledger_or_of_study_toml_is_on_the_next_page(
    recorded: Any, serve_folder: Any
) -> None:
    toy = recorded("make_history")
    with serve_folder(toy.folder) as site:
        assert "a new reason" not in site.page().text
        with Ledger(toy.folder) as ledger:
            ledger.append(Decided("buy", "a new reason"))
        deadline = time.monotonic() + 20
        while "a new reason" not in site.page().text:
            assert time.monotonic() < deadline
        assert "Does it show?" not in site.page().text
        toy.edit('name = "bigram"', 'name = "bigram"\nquestion = "Does it show?"')
        while "Does it show?" not in site.page().text:
            assert time.monotonic() < deadline


def test_a_ledger_that_was_edited_by_hand_is_told_apart(recorded: Any, serve_folder: Any) -> None:
    toy = recorded("make_history")
    with contextlib.closing(sqlite3.connect(toy.folder / LEDGER_FILE)) as connection, connection:
        connection.execute("DROP TRIGGER no_update")
        connection.execute("UPDATE event SET at = at + 1 WHERE sequence = 16")
    with serve_folder(toy.folder) as site:
        for page in ("", "trust"):
            assert "entry 16 " in words(site.page(page).text)
    told = status_text(read_study(toy.folder), read_history(toy.folder), at_work=False,
                       fault=verify_ledger(toy.folder).why)  # fmt: skip
    assert "changed after it was written: entry 16 " in told


def test_what_came_in_while_a_page_was_made_is_not_missed(site: Any) -> None:
    """A page says what it shows, and hears at once where there is more."""
    (seen,) = re.findall(r"/events\?seen=(\d+)", site.page().text)

    def hears(seen: str) -> str:
        connection = http.client.HTTPConnection(site.host, site.port, timeout=20)
        with contextlib.closing(connection):
            address = f"/s/{site.slug}/events?seen={seen}"
            connection.request("GET", address, headers={"Authorization": f"Bearer {TOKEN}"})
            answer = connection.getresponse()
            return "".join(answer.fp.readline().decode() for _ in range(8 if seen == "0" else 4))

    assert "changed" in hears("0")
    assert "hello" in hears(seen) and "changed" not in hears(seen)


def test_a_folder_of_studies_lists_them_all(
    recorded: Any, make_toy: Any, serve_folder: Any, tmp_path: Any
) -> None:
    recorded("make_history")
    make_toy("fresh")
    make_toy("broken").file.write_text("name = 3")
    with serve_folder(tmp_path) as site:
        page = words(site.ask("/").text)
        assert "toy" in page and "2 of 9" in page
        assert "fresh has no ledger yet" in page
        assert "broken" in page and "study.toml" in page
        assert site.ask("/s/toy/").status == 200
        assert site.ask("/s/fresh/").status == 503
        assert "no ledger yet" in site.ask("/s/fresh/").text


def test_a_study_whose_folder_goes_away_is_said_so(recorded: Any, serve_folder: Any) -> None:
    toy = recorded("make_history")
    with serve_folder(toy.folder) as site:
        assert site.page().status == 200
        shutil.rmtree(toy.folder)
        deadline = time.monotonic() + 20
        while (answer := site.page()).status == 200:
            assert time.monotonic() < deadline
        assert answer.status == 503 and "Traceback" not in answer.text
