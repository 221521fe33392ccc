"""An improver as a source of ideas: run shut in, with a scripted model over real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from proveout.errors import UserError
from proveout.ideas import CallAccount, Evidence, Offer, ProgramRepository
from proveout.improve import ImproverSource
from proveout.ledger import read_history
from proveout.loop import run_study
from proveout.study import read_study
from proveout.verdicts import yields

FENCE = "`" * 3
BYTE_LM = Path(__file__).parents[2] / "programs" / "byte_lm" / "train.py"
SURER = ("surer", "FORGET = 0.2", "FORGET = 0.001")
CRASH = ("crash", "    counts = np.full", "    raise RuntimeError('boom')\n    counts = np.full")
COMMENT = ("comment", "    np.add.at", "    # Count each pair.\n    np.add.at")
BROKEN = ("broken", "def main", "def main(:\n")
SMALLER = ("smaller", "max(4, args.size)", "max(2, args.size)")


def declare(toy: Any, improver: str, server: Any = None, **model: Any) -> Any:
    more = f"\n[ideas.improver]\n{improver}\n"
    if server is not None:
        pytest.importorskip("pydantic_ai")
        settings = {
            "model": '"toy"', "base_url": f'"{server.url}"', "budget": '"1 USD"', "most": 1,
            "price": "{ input = 1.0, output = 2.0 }", "max_output_tokens": 500, "tries": 1,
        } | model  # fmt: skip
        more += "\n[llm]\n" + "\n".join(f"{name} = {value}" for name, value in settings.items())
    toy.file.write_text(toy.file.read_text() + more + "\n")
    return toy


def writing(toy: Any, server: Any, *edits: tuple[str, str, str]) -> Callable[[Any], str]:
    """Answers improvers with programs in turn, the last again and again, and others with prose."""
    left = list(edits)

    def answer(handler: Any) -> str:
        if "in a fence" not in server.requests[-1]["messages"][-1]["content"]:
            return "I have no idea."
        name, old, new = left.pop(0) if len(left) > 1 else left[0]
        assert toy.train.count(old) == 1
        said = f"IDEA: {name}\nHYPOTHESIS: {name} mends a flaw\nPREDICTS: steady - it is a flaw\n"
        return f"{said}\n{FENCE}python\n{toy.train.replace(old, new)}\n{FENCE}\n"

    return answer


def propose(toy: Any, count: int = 1, ask: int = 1) -> tuple[Offer, CallAccount | None]:
    study = read_study(toy.folder)
    assert study.ideas.improver is not None
    calls = toy.folder / "sources" / "llm"
    account = CallAccount(calls, study.llm.budget) if study.llm else None
    source = ImproverSource(study, study.ideas.improver, calls, account)
    evidence = Evidence(study, {"train.py": toy.train, "notes.md": "not editable\n"}, ask=ask)
    offer = source.propose(evidence, count)
    source.close()
    assert not (toy.folder / "sources" / "improver").exists()  # nothing is left behind
    return offer, account


def test_its_ideas_become_verdicts_and_its_yield_stands_in_the_table(
    toy: Any, chat_server: Any
) -> None:
    declare(toy, 'name = "best_of_n"\nsamples = 4\nmost = 1', chat_server)
    chat_server.script = [writing(toy, chat_server, COMMENT, BROKEN, SURER)]
    study = read_study(toy.folder)
    assert run_study(study).finished
    history = read_history(toy.folder)
    assert history.verdicts is not None
    found = {each.idea: each for each in history.verdicts.verdicts}
    assert found["improver-surer"].verdict == "holds"
    idea = history.ideas["improver-surer"]
    assert (idea.origin, idea.source) == ("improver", "improver best_of_n with toy")
    assert (idea.hypothesis, idea.predicts) == ("surer mends a flaw", "steady - it is a flaw")
    repository = ProgramRepository(toy.folder / "program.git")
    patch = repository.diff(history.baseline.commit, idea.commit, settings=False)
    assert sum(line[0] in "+-" for line in patch.splitlines()[4:]) == 2  # one line, and no other
    rows = {row.source: row for row in yields(study, history, history.verdicts)}
    row = rows["improver"]
    assert (row.ideas, row.holds, row.calls) == (1, 1, 4)
    assert row.usd == pytest.approx(4 * (1000 * 1.0 + 500 * 2.0) / 1e6)
    assert row.gain > 0 and row.share is not None


def test_the_reference_program_is_one_that_it_can_change(toy: Any, chat_server: Any) -> None:
    declare(toy, 'name = "best_of_n"\nsamples = 1', chat_server)
    byte_lm = SimpleNamespace(folder=toy.folder, train=BYTE_LM.read_text())
    chat_server.script = [writing(byte_lm, chat_server, SMALLER)]
    offer, _ = propose(byte_lm)
    (idea,) = offer.proposals
    assert idea.name == "improver-smaller"
    changed = [line for line in idea.patch.splitlines()[4:] if line[0] in "+-"]
    assert len(changed) == 2 and all("args.size)" in line for line in changed)


def test_what_changes_nothing_or_was_tried_is_no_idea(toy: Any, chat_server: Any) -> None:
    declare(toy, 'name = "beam"\nsamples = 3', chat_server)
    chat_server.script = [writing(toy, chat_server, COMMENT)]
    offer, _ = propose(toy)
    assert not offer.proposals
    assert "nothing changed that a run could show" in offer.trouble


def test_two_ideas_of_one_ask_are_not_the_same(toy: Any, chat_server: Any) -> None:
    declare(toy, 'name = "best_of_n"\nsamples = 1', chat_server)
    chat_server.script = [writing(toy, chat_server, SURER, SURER, CRASH)]
    offer, _ = propose(toy, count=3)
    assert [each.name for each in offer.proposals] == ["improver-surer", "improver-crash"]
    assert "the same change as improver-surer" in offer.trouble


def test_it_sees_the_study_and_the_one_file_and_says_how_to_answer(
    toy: Any, chat_server: Any
) -> None:
    declare(toy, 'name = "genetic"\nsamples = 2', chat_server)
    chat_server.script = [writing(toy, chat_server, SURER)]
    propose(toy)
    prompt = chat_server.requests[0]["messages"][-1]["content"]
    for told in ("bits_per_byte", "HYPOTHESIS:", "FORGET = 0.2", "target 6e7 flops"):
        assert told in prompt


def test_a_budget_in_usd_is_never_exceeded(toy: Any, chat_server: Any) -> None:
    declare(toy, 'name = "beam"\nsamples = 9', chat_server, budget='"0.012 USD"')
    chat_server.script = [writing(toy, chat_server, SURER)]
    offer, account = propose(toy, count=4)
    assert account is not None and 0 < account.spent <= 0.012
    assert [each.name for each in offer.proposals] == ["improver-surer"]
    assert "budget" in offer.trouble


def test_a_server_that_fails_under_way_loses_nothing_that_was_paid(
    toy: Any, chat_server: Any
) -> None:
    def fail(handler: Any) -> None:
        handler.send_error(500)

    declare(toy, 'name = "annealing"\nsamples = 5', chat_server)
    chat_server.script = [writing(toy, chat_server, SURER), fail]
    offer, _ = propose(toy)
    assert [each.name for each in offer.proposals] == ["improver-surer"]
    chat_server.script = [fail]
    again, _ = propose(toy)  # what was answered before is had without the server
    assert again.proposals == offer.proposals
    other, _ = propose(toy, ask=2)
    assert not other.proposals and "HTTP 500" in other.trouble


def test_closing_ends_a_run_that_waits_for_its_model(toy: Any, chat_server: Any) -> None:
    asked, ended = threading.Event(), threading.Event()

    def hang(handler: Any) -> None:
        asked.set()
        ended.wait(30)

    declare(toy, 'name = "beam"', chat_server, tries=3)
    chat_server.script = [hang]
    study = read_study(toy.folder)
    assert study.ideas.improver is not None
    source = ImproverSource(study, study.ideas.improver, toy.folder / "calls")
    offers: list[Offer] = []
    evidence = Evidence(study, {"train.py": toy.train}, ask=1)
    thread = threading.Thread(target=lambda: offers.append(source.propose(evidence, 2)))
    thread.start()
    assert asked.wait(30)
    source.close()
    thread.join(20)
    ended.set()
    assert not thread.is_alive()
    assert not offers[0].proposals and "ended" in offers[0].trouble
    assert len(chat_server.requests) == 1


def test_without_a_model_the_embedded_one_answers(toy: Any) -> None:
    toy.file.write_text(
        toy.file.read_text().replace("[ideas]\n", '[ideas]\nimprover = "varied_temperature"\n')
    )
    offer, _ = propose(toy, count=2)
    assert len(offer.proposals) == 2 and not offer.trouble
    for each in offer.proposals:
        assert each.source == "improver varied_temperature with embedded"
        assert each.patch.startswith("diff --git a/train.py b/train.py\n")


HEAD = "def improve(solution, utility, model, budget):\n"


@pytest.mark.parametrize(
    ("body", "wall_time", "said"),
    [
        ("return 7", "60 s", "not a text"),
        ("1 / 0", "60 s", "ZeroDivisionError"),
        ("while True: pass", "1 s", "timed out"),
        ("return 'x = ('", "60 s", "train.py, line 1"),
    ],
)
def test_an_improver_of_ones_own_that_fails_brings_no_idea(
    toy: Any, body: str, wall_time: str, said: str
) -> None:
    (toy.folder / "mine.py").write_text(f"{HEAD}    {body}\n")
    offer, _ = propose(declare(toy, f'name = "mine.py"\nwall_time = "{wall_time}"'))
    assert not offer.proposals and said in offer.trouble


def test_a_mistake_in_the_declaration_is_the_users(toy: Any) -> None:
    declare(toy, 'name = "no_such"')
    with pytest.raises(UserError, match=r"no improver 'no_such'.*best_of_n"):
        propose(toy)
    toy.edit('"no_such"', '"genetic"')
    toy.edit('editable = ["train.py"]', 'editable = ["train.py", "notes.md"]')
    with pytest.raises(UserError, match="one editable file"):
        propose(toy)
