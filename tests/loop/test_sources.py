"""Sources in whole studies: sampler, recombination, agents and people, stopped and resumed."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from proveout.errors import UserError
from proveout.ledger import Entry, History, Ledger, SourceAsked, read_history
from proveout.loop import Request, Watcher, run_study, settle, submit
from proveout.report import as_json, render_html
from proveout.study import read_study
from proveout.verdicts import origin_of, source_shares, yields

KNOBS = """
[ideas.sampler]
method = "sobol"
most = 8
parameters.forget = { low = 0.0001, high = 0.5, log = true }
parameters.temperature = { low = 0.5, high = 2.0, log = true }

[ideas.recombination]
most = 6
"""


def with_knobs(toy: Any, more: str = KNOBS, budget: str = "2e8 flops", slots: int = 2) -> Any:
    """The toy with its two flaws as parameters."""
    program = toy.folder / "program" / "train.py"
    text = toy.train.replace("FORGET = 0.2\n", "").replace("TEMPERATURE = 1.3\n", "")
    text = text.replace(
        '    parser.add_argument("--out"',
        '    parser.add_argument("--forget", type=float)\n'
        '    parser.add_argument("--temperature", type=float)\n'
        '    parser.add_argument("--out"',
    )
    text = text.replace("FORGET", "args.forget").replace(" / TEMPERATURE", "")
    text = text.replace(
        "np.log(probabilities).astype", "(np.log(probabilities) / args.temperature).astype"
    )
    program.write_text(text)
    toy.edit("--share {share}", "--share {share} --forget {forget} --temperature {temperature}")
    toy.edit("{ share = 1.0 }", "{ share = 1.0, forget = 0.2, temperature = 1.3 }")
    toy.edit('compute = "4e9 flops"', f'compute = "{budget}"')
    toy.edit("slots = 2", f"slots = {slots}")
    toy.file.write_text(toy.file.read_text() + more)
    return toy


def run(toy: Any) -> History:
    outcome = run_study(read_study(toy.folder))
    assert outcome.finished
    return outcome.history


def words(history: History) -> dict[str, str]:
    assert history.verdicts is not None
    return {each.idea: each.verdict for each in history.verdicts.verdicts}


def test_a_study_without_a_catalog_finds_its_own_ideas_and_carries_the_best(toy: Any) -> None:
    with_knobs(toy)
    toy.edit('catalog = "ideas"\n', "")
    study, history = read_study(toy.folder), run(toy)
    origins = [origin_of(idea) for idea in history.ideas.values() if idea.kind == "idea"]
    assert "sampler" in origins
    assert "holds" in words(history).values()
    assert history.forecasts
    assert {answer.ask for answer in history.answers} == {ask.ask for ask in history.asks}
    brought = [name for answer in history.answers for name in answer.ideas]
    assert sorted(brought) == sorted(n for n, i in history.ideas.items() if i.kind == "idea")
    rows = {row.source: row for row in yields(study, history, None)}
    assert history.account.charged <= history.account.budget
    assert sum(source_shares(study, history, None).values()) == pytest.approx(1.0)
    assert rows["sampler"].gain > 0
    page = render_html(study, history, {})
    assert "What each source of ideas yielded" in page
    assert "recombination" in page
    assert as_json(study, history)["sources"][0]["source"] == "sampler"


def test_no_source_is_asked_once_its_ideas_have_used_their_share(toy: Any) -> None:
    """What was asked for before goes on to be proven."""
    with_knobs(toy)
    toy.edit('catalog = "ideas"\n', "")
    study, asked = read_study(toy.folder), []

    class Asks(Watcher):
        def happened(self, entry: Entry, ledger: Ledger) -> None:
            if isinstance(entry.event, SourceAsked):
                rows = yields(study, ledger.history(), None)
                asked.append(sum(row.charged for row in rows))

    run_study(study, Asks())
    assert len(asked) > 2
    assert max(asked) <= study.ideas.share * study.budget.compute.amount


def test_merges_of_promising_ideas_are_proposed_and_proven(toy: Any) -> None:
    toy.idea("surer", ("FORGET = 0.2", "FORGET = 0.001"))
    toy.idea("cooler", ("TEMPERATURE = 1.3", "TEMPERATURE = 1.0"))
    toy.file.write_text(f"{toy.file.read_text()}\n[ideas.recombination]\n")
    toy.edit('compute = "4e9 flops"', 'compute = "6e8 flops"')
    history = run(toy)
    merged = [idea for idea in history.ideas.values() if idea.origin == "recombination"]
    assert [set(idea.members) for idea in merged] == [{"surer", "cooler"}]
    assert words(history)[merged[0].name] == "holds"
    assert not [idea for idea in history.ideas.values() if idea.kind == "stack"]  # it is one


def test_a_study_killed_again_and_again_asks_each_question_once(toy: Any) -> None:
    with_knobs(toy, budget="1e8 flops")
    command = [sys.executable, "-m", "proveout", "run", "--quiet", str(toy.folder)]
    for asks in (1, 3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            if (toy.folder / "ledger.sqlite").exists() and len(_asks(toy)) >= asks:
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
    history = run(toy)
    assert [each.ask for each in history.asks] == list(range(1, len(history.asks) + 1))
    assert [each.ask for each in history.answers] == [each.ask for each in history.asks]
    assert history.account.reserved == 0
    assert history.account.charged == sum(r.charged for r in history.trials.values())
    assert history.account.charged <= history.account.budget


def _asks(toy: Any) -> tuple[Any, ...]:
    try:
        return read_history(toy.folder).asks
    except Exception:  # it is being made
        return ()


AGENT = """
import os, pathlib, sys
text = pathlib.Path("train.py").read_text()
assert "target" in pathlib.Path("BRIEF.md").read_text()
print(os.environ.get("AGENT_KEY"))
assert "SECRET" not in os.environ
pathlib.Path("train.py").write_text(text.replace("TEMPERATURE = 1.3", "TEMPERATURE = 1.0" + MORE))
pathlib.Path("notes.md").write_text("scribbled")
pathlib.Path("IDEA.md").write_text(
    "IDEA: cool\\nHYPOTHESIS: it is too hot\\nPREDICTS: steady - a flaw\\nWHY: I looked\\n"
)
"""


def with_agent(toy: Any, script: str, *lines: str) -> Any:
    (toy.folder / "agent.py").write_text(script)
    declared = [f'command = "python {toy.folder / "agent.py"}"', "most = 1", *lines]
    text = "\n".join(["\n[ideas.agent]", *declared, ""])
    toy.file.write_text(toy.file.read_text() + text)
    toy.edit('compute = "4e9 flops"', 'compute = "2e8 flops"')
    return toy


def test_what_an_agent_leaves_in_its_folder_is_an_idea(
    toy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "not for the agent")
    with_agent(toy, AGENT.replace("+ MORE", ""), 'price = "0.25 USD"', 'budget = "1 USD"')
    history = run(toy)
    idea = history.ideas["agent-cool"]
    assert idea.origin == "agent"
    assert words(history)["agent-cool"] == "holds"
    changed = subprocess.run(
        ["git", f"--git-dir={toy.folder / 'program.git'}", "diff", "--name-only",
         history.baseline.commit, idea.commit],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert changed == ["train.py"]
    assert sum(answer.usd for answer in history.answers) == 0.25
    assert {path.name for path in (toy.folder / "sources" / "agent" / "1").iterdir()} == {
        "log.txt",
        "runs",
    }


FAULTS = {
    "no idea file": ("raise SystemExit(3)", "left no IDEA.md"),
    "no prediction": (
        AGENT.replace("+ MORE", "").replace("steady", "better"),
        "does not say what it predicts",
    ),
    "no change": (AGENT.replace('"TEMPERATURE = 1.0" + MORE', '"TEMPERATURE = 1.3"'), "nothing"),
    "a key in it": (
        AGENT.replace("+ MORE", "+ ' # ' + os.environ['AGENT_KEY']"),
        "value of AGENT_KEY",
    ),
    "no python": (AGENT.replace("+ MORE", "+ '('"), "train.py, line"),
}


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_an_agent_that_fails_costs_nothing_but_its_time(
    toy: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    script, said = FAULTS[name]
    monkeypatch.setenv("AGENT_KEY", "key-0123456789")
    with_agent(toy, script, 'environment = ["AGENT_KEY"]')
    history = run(toy)
    assert said in history.answers[0].trouble
    assert not any(idea.origin == "agent" for idea in history.ideas.values())
    for file in toy.folder.rglob("*"):
        if file.is_file() and not file.is_symlink():
            assert b"key-0123456789" not in file.read_bytes()


def test_an_agent_that_hangs_is_ended(toy: Any) -> None:
    with_agent(toy, "import time; time.sleep(600)", 'wall_time = "1 s"')
    history = run(toy)
    assert "left no IDEA.md (it was ended by wall-time" in history.answers[0].trouble


def lines_of_processes(words: str) -> list[str]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            found += [line] if words in line else []
    return found


def until(true: Any, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_kill_while_an_agent_works_leaves_no_process_and_its_ask_is_made_again(toy: Any) -> None:
    # What an agent starts may well be in a session of its own.
    hangs = (
        "import subprocess, sys\n"
        "command = [sys.executable, '-c', 'import time; time.sleep(600)', __file__]\n"
        "subprocess.run(command, start_new_session=True)"
    )
    with_agent(toy, hangs, 'price = "0.25 USD"')
    script = str(toy.folder / "agent.py")
    controller = subprocess.Popen(
        [sys.executable, "-m", "proveout", "run", str(toy.folder)], stdout=subprocess.DEVNULL
    )
    try:
        until(lambda: any("sleep(600)" in line for line in lines_of_processes(script)))
    finally:
        controller.kill()
        controller.wait()
    until(lambda: not lines_of_processes(script))

    (toy.folder / "agent.py").write_text(AGENT.replace("+ MORE", ""))
    history = run(toy)
    assert history.ideas["agent-cool"].origin == "agent"
    assert [answer.ideas for answer in history.answers] == [("agent-cool",)]
    assert history.answers[0].usd == 0.5  # it was started twice, and may have been paid twice
    left = {path.name for path in (toy.folder / "sources" / "agent" / "1").iterdir()}
    assert left == {"log.txt", "runs"}
    assert not lines_of_processes(str(toy.folder))


def test_a_variable_that_an_agent_needs_and_is_not_set_is_the_users_mistake(toy: Any) -> None:
    with_agent(toy, "", 'environment = ["SURELY_NOT_SET_ANYWHERE"]')
    with pytest.raises(UserError, match="SURELY_NOT_SET_ANYWHERE"):
        run(toy)


def test_a_running_study_takes_up_what_people_hand_in(toy: Any) -> None:
    toy.idea("surer", ("FORGET = 0.2", "FORGET = 0.001"))
    toy.idea(
        "slow", ("    args = parse()\n", "    args = parse()\n    import time; time.sleep(2)\n")
    )
    toy.edit('compute = "4e9 flops"', 'compute = "3e8 flops"')
    command = [sys.executable, "-m", "proveout", "run", "--quiet", str(toy.folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    study = read_study(toy.folder)
    while not (toy.folder / "trials").is_dir():
        time.sleep(0.02)
    ident = submit(
        study, Request(kind="add", name="less", hypothesis="h", parameters={"share": 0.5})
    )
    outcome = settle(study, ident, patience_seconds=30)
    assert outcome == "less was added"
    gone = submit(study, Request(kind="withdraw", name="slow", why="too slow"))
    assert settle(study, gone, patience_seconds=30) == "slow was withdrawn"
    process.communicate(timeout=100)
    history = read_history(toy.folder)
    assert any(trial.idea == "less" for trial in history.trials)
    assert history.ideas["less"].origin == "people"
    started = [trial for trial in history.trials if trial.idea == "slow"]
    assert len(started) <= 2


def test_an_idea_that_was_withdrawn_is_not_merged_and_may_come_back(toy: Any) -> None:
    toy.idea("surer", ("FORGET = 0.2", "FORGET = 0.001"))
    toy.edit('compute = "4e9 flops"', 'compute = "4e8 flops"')
    study = read_study(toy.folder)
    submit(study, Request(kind="withdraw", name="surer"))
    history = run(toy)
    assert not any(trial.idea == "surer" for trial in history.trials)
    assert "surer" in history.withdrawn
    submit(study, Request(kind="retry", name="surer"))
    assert words(run(toy))["surer"] == "holds"


def test_a_broken_idea_is_tried_again_under_a_name_of_its_own(toy: Any) -> None:
    toy.idea("crash", ("    counts = np.full", "    raise RuntimeError\n    counts = np.full"))
    toy.edit('compute = "4e9 flops"', 'compute = "1e8 flops"')
    run(toy)
    study = read_study(toy.folder)
    assert settle(study, submit(study, Request(kind="retry", name="crash"))) == "crash-2 was added"
    history = run(toy)
    assert history.ideas["crash-2"].parents == ("crash",)
    assert history.ideas["crash-2"].commit == history.ideas["crash"].commit
    assert history.failures("crash-2")


def test_a_request_is_done_once_though_its_file_outlived_a_kill(toy: Any) -> None:
    toy.edit('compute = "4e9 flops"', 'compute = "1e8 flops"')
    run(toy)
    study = read_study(toy.folder)
    ident = submit(
        study, Request(kind="add", name="less", hypothesis="h", parameters={"share": 0.5})
    )
    file: Path = toy.folder / "inbox" / f"{ident}.json"
    text = file.read_text()
    assert settle(study, ident) == "less was added"
    file.write_text(text)  # as if the controller had been killed before it removed it
    assert settle(study, ident) == "less was added"
    assert not file.exists()
    assert not read_history(toy.folder).refused
    assert not list((toy.folder / "inbox").iterdir())
