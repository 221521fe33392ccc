"""A whole study, run for real: real processes, a real repository, a real ledger."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from proveout.errors import DataError, EnvironmentFailure, IdeaError, StudyBusy, StudyError
from proveout.ideas import ProgramRepository
from proveout.ledger import Entry, History, Ledger, TrialScored, read_history
from proveout.loop import Outcome, Request, Watcher, run_study, settle, submit
from proveout.loop._interrupts import Interrupts
from proveout.study import read_study
from proveout.trials import trial_seed
from proveout.verdicts import kept_trials


def run(toy: Any) -> Outcome:
    return run_study(read_study(toy.folder))


def words(history: History) -> dict[str, str]:
    assert history.verdicts is not None
    return {verdict.idea: verdict.verdict for verdict in history.verdicts.verdicts}


def events(toy: Any) -> list[tuple[str, dict[str, Any]]]:
    connection = sqlite3.connect(toy.folder / "ledger.sqlite")
    rows = connection.execute("SELECT kind, body FROM event ORDER BY sequence").fetchall()
    connection.close()
    return [(kind, json.loads(body)) for kind, body in rows]


def test_a_study_from_ideas_to_a_forecast_that_is_scored(
    researched: tuple[Any, Outcome], tmp_path: Path
) -> None:
    toy, outcome = researched
    history = outcome.history

    assert outcome.finished
    assert outcome.ok
    found = words(history)
    assert {name: found[name] for name in ("surer", "surest", "cooler")} == dict.fromkeys(
        ("surer", "surest", "cooler"), "holds"
    )
    assert found["comment"] == "no effect"
    assert found["reseed"] != "holds"
    assert found["crash"] == "broken"
    assert found["greedy"] == "rejected"
    assert found["half"] not in {"holds", "no effect"}
    assert found["blunter"] == "hurts"
    assert [refused.name for refused in history.refused] == ["stale"]

    # The two that mend different flaws are merged, with what is left of a third that fades if that
    # is worth having; the two that mend one flaw conflict.
    stacks = {name: idea.members for name, idea in history.ideas.items() if idea.kind == "stack"}
    assert stacks
    for members in stacks.values():
        assert "cooler" in members
        assert len({"surer", "surest"} & set(members)) == 1
    assert len(history.merges_refused) == 1
    assert history.merges_refused[0].paths == ("train.py",)

    # The forecast is in the ledger before the first trial at the target begins.
    log = events(toy)
    forecast = next(i for i, (kind, _) in enumerate(log) if kind == "ForecastMade")
    target = [
        i for i, (kind, body) in enumerate(log) if kind == "TrialStarted" and body["rung"] == 3
    ]
    assert target
    assert forecast < min(target)
    (scored,) = history.forecasts_scored.values()
    best = history.losses(scored.idea, 3)
    base = history.losses("baseline", 3)
    gap = sum(best[i] - base[i] for i in base) / len(base)
    assert scored.measured_gap == pytest.approx(gap)
    low, high = history.forecasts[scored.idea].interval80
    assert scored.inside80 == (low <= gap <= high)

    # The new baseline is a commit that can be checked out.
    checkout = tmp_path / "checkout"
    subprocess.run(
        ["git", "clone", "-q", "-b", "new-baseline", toy.folder / "program.git", checkout],
        check=True,
    )
    text = (checkout / "train.py").read_text()
    assert "TEMPERATURE = 1.0" in text
    assert "FORGET = 0.2" not in text


def test_a_trial_leaves_its_spec_its_log_and_its_curve_and_nothing_else(
    researched: tuple[Any, Outcome],
) -> None:
    toy, history = researched[0], researched[1].history
    trials = toy.folder / "trials"
    folders = {trial.id for trial in history.trials} | {".items"}
    assert {path.name for path in trials.iterdir()} == folders
    for trial in history.trials:
        folder = trials / trial.id
        keeps = trial in kept_trials(read_study(toy.folder), history, trial.idea)
        assert {path.name for path in folder.iterdir()} <= {"spec.json", "log.txt", "out"}
        kept = {path.name for path in (folder / "out").iterdir()}
        assert ("model.npy" in kept) == keeps
        assert kept <= {"metrics.jsonl", "model.npy"}
        spec = json.loads((folder / "spec.json").read_text())
        assert spec["commit"] == history.ideas[trial.idea].commit
        assert str(spec["seed"]) in spec["command"]


def test_idea_and_baseline_share_their_seeds_and_rungs_do_not(
    researched: tuple[Any, Outcome],
) -> None:
    study = read_study(researched[0].folder)
    history = researched[1].history
    seeds: dict[tuple[int, int], set[int]] = {}
    for trial, record in history.trials.items():
        assert record.seed == trial_seed(study, trial)
        seeds.setdefault((trial.rung, trial.replicate), set()).add(record.seed)
    assert all(len(shared) == 1 for shared in seeds.values())
    assert len({min(shared) for shared in seeds.values()}) == len(seeds)


def test_the_account_is_the_sum_of_what_each_trial_was_charged(
    researched: tuple[Any, Outcome],
) -> None:
    history = researched[1].history
    assert history.account.reserved == 0
    assert history.account.charged == sum(r.charged for r in history.trials.values())
    for record in history.trials.values():
        assert 0 < record.charged <= record.reserved


def test_a_finished_study_is_not_run_again(researched: tuple[Any, Outcome]) -> None:
    toy = researched[0]
    before = events(toy)
    again = run(toy)
    assert again.finished
    assert events(toy) == before


FAILURES = {
    "hangs": ("    args = parse()\n", "    args = parse()\n    import time; time.sleep(600)\n"),
    "swallows": (
        "    args = parse()\n",
        "    args = parse()\n    hog = [np.ones(10**6) for _ in range(10**5)]\n",
    ),
    "floods": (
        "    args = parse()\n",
        "    args = parse()\n    import time\n    for i in range(60):\n"
        "        (args.out / str(i)).write_bytes(bytes(10**6))\n    time.sleep(600)\n",
    ),
    "diverges": ('"loss": 1.0', '"loss": float("nan")'),
    "leaves-early": ("    args = parse()\n", "    args = parse()\n    raise SystemExit(0)\n"),
    "kills-itself": (
        "    args = parse()\n",
        "    args = parse()\n    import os; os.kill(os.getpid(), 9)\n",
    ),
    "wrong-shape": (
        "return lambda inputs: logits[inputs] / TEMPERATURE",
        "return lambda inputs: logits[inputs][:, :, :255]",
    ),
    "not-finite": (
        "return lambda inputs: logits[inputs] / TEMPERATURE",
        "return lambda inputs: logits[inputs] * np.inf",
    ),
    "cannot-load": ('np.load(Path(out) / "model.npy")', "np.load('nowhere.npy')"),
    "greedy": ("args.share * args.flops", "3 * args.flops"),
}
CLASSES = {
    "hangs": "timed out",
    "swallows": "out of memory",
    "floods": "wrote too much",
    "diverges": "diverged",
    "leaves-early": "unscorable",
    "kills-itself": "crashed",
    "wrong-shape": "unscorable",
    "not-finite": "diverged",
    "cannot-load": "unscorable",
    "greedy": "over budget",
}


@pytest.fixture(scope="module")
def failed(toy_in: Any, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """One study of every way to fail."""
    toy = toy_in(tmp_path_factory.mktemp("failed") / "toy")
    for name, edit in FAILURES.items():
        toy.idea(name, edit)
    toy.edit('wall_time = "20 s"', 'wall_time = "6 s"')
    toy.edit('memory = "1 GB"', 'memory = "250 MB"')
    return run(toy)


@pytest.mark.parametrize("name", sorted(FAILURES))
def test_each_way_to_fail_is_ended_classified_and_charged(failed: Outcome, name: str) -> None:
    outcome = failed
    failures = outcome.history.failures(name)
    assert {failure.kind for failure in failures} == {CLASSES[name]}
    # A second one may be under way when the first shows what it is, and no more than that.
    assert 1 <= len(failures) <= 3
    assert all(failure.sentence for failure in failures)
    assert outcome.finished
    assert words(outcome.history)[name] in {"broken", "rejected"}
    records = [r for t, r in outcome.history.trials.items() if t.idea == name]
    assert all(0 < record.charged <= record.reserved for record in records)


PEEKS = (
    "return lambda inputs: logits[inputs] / TEMPERATURE",
    "return lambda inputs: logits[inputs] + np.float32(40) * np.pad(\n"
    "        np.eye(256, dtype=np.float32)[inputs[:, 1:]], ((0, 0), (0, 1), (0, 0)))",
)


def test_a_model_that_sees_its_targets_is_rejected(toy: Any) -> None:
    toy.idea("peeks", PEEKS)
    history = run(toy).history
    assert words(history)["peeks"] == "rejected"
    assert {failure.kind for failure in history.failures("peeks")} == {"not causal"}
    assert not history.losses("peeks", 0)


VANDALS = {
    "removes-its-folder": "import shutil; shutil.rmtree(args.out.parent)",
    "hides-its-folder": "args.out.chmod(0)",
    "becomes-a-file": "import shutil; shutil.rmtree(args.out); args.out.write_text('x')",
    "blocks-the-log": (
        "import os; log = args.out.parent / 'log.txt'; log.unlink(); os.mkfifo(log);"
        " raise SystemExit(3)"
    ),
    "takes-the-scratch": "(args.out.parent / 'score').write_text('x'); raise SystemExit(3)",
    "kills-its-supervisor": "import os; os.kill(os.getppid(), 9)",
}


def test_programs_that_spoil_their_folders_harm_themselves_alone(toy: Any) -> None:
    for name, act in VANDALS.items():
        toy.idea(name, ("    np.save(args.out", f"    {act}\n    np.save(args.out"))
    toy.idea("surer", ("FORGET = 0.2", "FORGET = 0.001"))
    outcome = run(toy)
    assert outcome.finished
    found = words(outcome.history)
    assert found.pop("surer") == "holds"
    found.pop("hides-its-folder")  # which root can still write to
    assert found == dict.fromkeys(VANDALS.keys() - {"hides-its-folder"}, "broken")
    assert run(toy).finished


def test_what_a_link_leads_to_is_never_removed(toy: Any, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "kept.txt").write_text("kept")
    links = (
        "    np.save(args.out",
        f"    (args.out / 'inner').symlink_to({str(precious)!r})\n    np.save(args.out",
    )
    toy.idea("links-inside", links)
    swaps = (
        "    np.save(args.out",
        "    import shutil\n    shutil.rmtree(args.out)\n"
        f"    args.out.symlink_to({str(precious)!r})\n    np.save(args.out",
    )
    toy.idea("swaps-its-folder", swaps)
    history = run(toy).history
    assert (precious / "kept.txt").read_text() == "kept"
    # Isolated it cannot write there; where it can, nothing of it is taken.
    assert {f.kind for f in history.failures("swaps-its-folder")} <= {"crashed", "unscorable"}
    assert history.failures("swaps-its-folder")


def test_a_study_that_counts_device_seconds(toy: Any) -> None:
    text = toy.file.read_text()
    for old, new in (("2e6", "2"), ("6e6", "4"), ("2e7", "6"), ("6e7", "8"), ("4e9", "300")):
        text = text.replace(f'"{old} flops"', f'"{new} device-seconds"')
    toy.file.write_text(text)
    program = toy.folder / "program" / "train.py"
    program.write_text(toy.train.replace("FLOPS_PER_BYTE = 1000", "FLOPS_PER_BYTE = 1e-3"))
    (toy.folder / "ideas" / "half.patch").write_text(
        "hypothesis: less data\nsource: a test\nset: share=0.5\n---\n"
    )
    history = run(toy).history
    assert not any(record.failure for record in history.trials.values())
    assert 0 < history.account.charged < sum(r.reserved for r in history.trials.values())


def test_children_left_behind_are_ended_and_counted(toy: Any) -> None:
    stays = (
        "    args = parse()\n",
        "    args = parse()\n    import subprocess\n"
        "    subprocess.Popen(['sleep', '613.71'], start_new_session=True)\n",
    )
    toy.idea("leaves-children", stays)
    history = run(toy).history
    records = [r for t, r in history.trials.items() if t.idea == "leaves-children"]
    assert records
    for record in records:
        assert record.usage is not None
        assert record.usage.leftover_processes == 1
    commands = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert "sleep 613.71" not in commands.stdout.splitlines()


def test_devices_are_shared_out_one_a_trial(toy: Any) -> None:
    toy.edit("slots = 2", 'devices = ["5", "7"]')
    shows = (
        "    args = parse()\n",
        "    args = parse()\n    import os, time; time.sleep(0.8)\n"
        "    print('device', os.environ['CUDA_VISIBLE_DEVICES'])\n",
    )
    toy.idea("shows-device", shows)
    history = run(toy).history
    used = {
        (toy.folder / "trials" / trial.id / "log.txt").read_text().split()[1]
        for trial in history.trials
        if trial.idea == "shows-device"
    }
    assert used <= {"5", "7"}
    # Two such trials run side by side in the first round, each on a device of its own.
    assert len(used) == 2


class InterruptAfter(Watcher):
    """Presses Ctrl-C once so many trials have been scored."""

    def __init__(self, trials: int) -> None:
        self.left = trials

    def happened(self, entry: Entry, ledger: Ledger) -> None:
        self.left -= isinstance(entry.event, TrialScored)

    def tick(self, ledger: Ledger) -> None:
        if self.left <= 0:
            signal.raise_signal(signal.SIGINT)


def test_an_interrupted_study_gives_reservations_back_and_goes_on(toy: Any) -> None:
    toy.idea("surer", ("FORGET = 0.2", "FORGET = 0.001"))
    stopped = run_study(read_study(toy.folder), InterruptAfter(7))
    assert not stopped.finished
    assert stopped.history.account.reserved == 0
    assert any(record.state == "scored" for record in stopped.history.trials.values())
    done = {trial for trial, r in stopped.history.trials.items() if r.state == "scored"}
    finished = run(toy)
    assert finished.finished
    assert len(finished.history.trials) > len(done)
    starts = [body["trial"] for kind, body in events(toy) if kind == "TrialStarted"]
    assert all(starts.count(trial.id) == 1 for trial in done)


def results(history: History) -> dict[str, Any]:
    return {
        "losses": {t.id: r.measurement.value for t, r in history.trials.items() if r.measurement},
        "failures": {t.id: r.failure.kind for t, r in history.trials.items() if r.failure},
        "charged": history.account.charged,
        "reserved": history.account.reserved,
        "words": words(history),
        "forecasts": history.forecasts,
    }


def keep_one_of_each_end(toy: Any) -> None:
    """Of the ideas of `research_toy`: those that are left have every kind of end."""
    for name in ("blunter", "comment", "reseed", "sharper"):
        (toy.folder / "ideas" / f"{name}.patch").unlink()


def test_killed_at_any_moment_it_ends_where_an_undisturbed_study_does(
    research_toy: Any, make_toy: Any
) -> None:
    """With one slot, so that what is decided next does not hang on which trial ends first."""
    keep_one_of_each_end(research_toy)
    calm = make_toy("calm")
    for each in (calm, research_toy):
        each.edit("slots = 2", "slots = 1")
    for file in (research_toy.folder / "ideas").iterdir():
        (calm.folder / "ideas" / file.name).write_bytes(file.read_bytes())
    undisturbed = results(run(calm).history)

    code = textwrap.dedent(f"""
        from pathlib import Path
        from proveout.loop import run_study
        from proveout.study import read_study
        run_study(read_study(Path({str(research_toy.folder)!r})))
    """)
    kills = 0
    for delay in (0.2, 0.5, 0.9, 1.3, 1.7, 2.1):
        process = subprocess.Popen([sys.executable, "-c", code])
        try:
            process.wait(timeout=delay)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
    run(research_toy)
    assert kills >= 3
    assert results(read_history(research_toy.folder)) == undisturbed
    assert not survivors(research_toy.folder)


def test_killed_at_any_moment_with_several_slots_it_loses_nothing(research_toy: Any) -> None:
    keep_one_of_each_end(research_toy)
    code = (
        "import sys; from pathlib import Path; from proveout.loop import run_study;"
        "from proveout.study import read_study; run_study(read_study(Path(sys.argv[1])))"
    )
    for delay in (0.7, 1.3, 2.0):
        process = subprocess.Popen([sys.executable, "-c", code, str(research_toy.folder)])
        try:
            process.wait(timeout=delay)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    history = run(research_toy).history
    ended = [body["trial"] for kind, body in events(research_toy)
             if kind in {"TrialScored", "TrialFailed"}]  # fmt: skip
    assert len(ended) == len(set(ended)) == history.finished_trials
    assert history.account.reserved == 0
    found = words(history)
    assert {found[name] for name in ("surer", "surest", "cooler")} == {"holds"}
    assert not survivors(research_toy.folder)


def test_a_free_slot_is_filled_at_once_and_each_start_says_why(toy: Any) -> None:
    slow = "    args = parse()\n    import time; time.sleep(3)\n"
    toy.idea("slow", ("    args = parse()\n", slow))
    toy.idea("surer", ("FORGET = 0.2", "FORGET = 0.001"))
    toy.idea("cooler", ("TEMPERATURE = 1.3", "TEMPERATURE = 1.0"))
    history = run(toy).history
    log = [(kind, body.get("trial")) for kind, body in events(toy)]
    begins = log.index(("TrialStarted", "slow-r1-s1"))
    ends = log.index(("TrialScored", "slow-r1-s1"))
    beside = [kind for kind, _ in log[begins:ends] if kind == "TrialStarted"]
    assert len(beside) >= 3
    assert all(record.why for record in history.trials.values())
    kinds = [kind for kind, _ in log]
    assert kinds.count("VerdictsRead") <= 3 + history.finished_trials / 30 + kinds.count(
        "IdeaAdded"
    )
    assert kinds.count("Decided") < history.finished_trials


def survivors(folder: Path) -> list[str]:
    """Processes that still work in a folder, after a grace period for the kernel."""
    deadline = time.monotonic() + 10
    while True:
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and entry.name != str(os.getpid()):
                try:
                    found += [entry.name] * (entry / "cwd").readlink().is_relative_to(folder)
                except OSError:
                    continue
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def test_a_live_study_is_not_run_twice(toy: Any) -> None:
    with Ledger(toy.folder), pytest.raises(StudyBusy):
        run(toy)


def test_a_changed_question_is_refused_and_a_larger_budget_is_not(toy: Any) -> None:
    toy.idea("surer", ("FORGET = 0.2", "FORGET = 0.001"))
    toy.edit('compute = "4e9 flops"', 'compute = "1e8 flops"')
    poor = run(toy)
    assert "budget does not cover" in poor.why
    assert poor.history.account.charged <= 1e8
    toy.edit('compute = "1e8 flops"', 'compute = "4e9 flops"')
    rich = run(toy)
    assert rich.ok
    assert rich.history.forecasts_scored
    toy.edit("context = 32", "context = 16")
    with pytest.raises(StudyError, match=r"changed in \[score\]"):
        run(toy)


def test_a_changed_corpus_is_refused(surer_ran: Any) -> None:
    toy = surer_ran
    for name in ("train.bin", "held_out.bin"):
        file = toy.folder / name
        before = file.read_bytes()
        file.write_bytes(before[:-1] + b"!")
        with pytest.raises(StudyError, match=rf"{name} has changed"):
            run(toy)
        file.write_bytes(before)
    assert run(toy).finished


def test_a_baseline_that_fails_stops_the_study_and_says_why(toy: Any) -> None:
    program = toy.folder / "program" / "train.py"
    program.write_text(toy.train.replace("    args = parse()\n", "    raise OSError('no luck')\n"))
    toy.idea_from("comment", program.read_text() + "# nothing\n", against=program.read_text())
    outcome = run(toy)
    assert not outcome.ok
    assert "baseline" in outcome.why
    assert "no luck" in outcome.why


def test_a_baseline_that_failed_for_its_surroundings_can_be_tried_again(toy: Any) -> None:
    """As on a machine that lacked a library: neither the study nor its ideas are lost by it."""
    toy.idea("surer", ("FORGET = 0.2", "FORGET = 0.001"))
    toy.edit('memory = "1 GB"', 'memory = "1 MB"')
    toy.edit('compute = "4e9 flops"', 'compute = "3e7 flops"')
    stopped = run(toy)
    assert not stopped.ok
    assert "proveout ideas retry" in stopped.why
    charged = stopped.history.account.charged
    toy.edit('memory = "1 MB"', 'memory = "1 GB"')
    study = read_study(toy.folder)
    said = settle(study, submit(study, Request(kind="retry", name="baseline")))
    assert said == "baseline may be tried again"
    again = run_study(study)
    assert again.ok
    assert not again.history.failures("baseline")
    assert not again.history.failures("surer")
    assert words(again.history)["surer"] != "broken"
    assert charged + 2e6 <= again.history.account.charged <= 3e7
    said = settle(study, submit(study, Request(kind="retry", name="baseline")))
    assert "no trial of the baseline has failed" in said


def test_a_changed_program_is_refused_with_what_to_do(surer_ran: Any) -> None:
    toy = surer_ran
    program = toy.folder / "program" / "train.py"
    program.write_text(toy.train.replace("FORGET = 0.2", "FORGET = 0.3"))
    with pytest.raises(StudyError, match="begin another study"):
        run(toy)
    program.write_text(toy.train)
    assert run(toy).finished


@pytest.mark.parametrize("how", ["missing", "empty"])
def test_a_study_whose_ledger_is_gone_is_not_begun_anew(surer_ran: Any, how: str) -> None:
    """It would spend the budget again, and ideas that are commits alone would be removed."""
    ledger = surer_ran.folder / "ledger.sqlite"
    ledger.unlink()
    if how == "empty":
        ledger.touch()
    with pytest.raises(DataError, match=f"{how}, and the study was begun"):
        run(surer_ran)
    repository = ProgramRepository(surer_ran.folder / "program.git")
    assert repository.diff("refs/heads/baseline", "refs/ideas/surer")
    shutil.rmtree(surer_ran.folder / "program.git")  # what the baseline's trials cost counts too
    with pytest.raises(DataError, match="spend the whole budget again"):
        run(surer_ran)


@pytest.mark.parametrize("damage", ["all", "objects"])
def test_a_damaged_repository_is_said_so_with_what_to_do(surer_ran: Any, damage: str) -> None:
    repository = surer_ran.folder / "program.git"
    shutil.rmtree(repository if damage == "all" else repository / "objects")
    with pytest.raises(EnvironmentFailure, match="Put it back from a copy of the study"):
        run(surer_ran)


def test_a_closed_terminal_is_a_request_to_stop_unless_it_is_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:  # as under nohup
            signal.raise_signal(signal.SIGHUP)
            assert not interrupts.requested
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        with Interrupts() as interrupts:
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGHUP)  # shell and kernel send one each
            assert interrupts.requested
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_better_idea_that_comes_later_is_merged_anew(toy: Any) -> None:
    toy.idea("surer", ("FORGET = 0.2", "FORGET = 0.05"))
    toy.idea("cooler", ("TEMPERATURE = 1.3", "TEMPERATURE = 1.2"))
    run(toy)
    toy.idea("coolest", ("TEMPERATURE = 1.3", "TEMPERATURE = 0.95"))
    history = run(toy).history
    stacks = [idea.members for idea in history.ideas.values() if idea.kind == "stack"]
    assert ("coolest", "surer") in stacks
    assert len(stacks) == 2


def test_a_half_written_idea_does_not_stop_a_live_study(toy: Any) -> None:
    toy.idea("surer", ("FORGET = 0.2", "FORGET = 0.001"))

    class WritesHalf(Watcher):
        def tick(self, ledger: Ledger) -> None:
            (toy.folder / "ideas" / "late.patch").write_text("hypothesis: half writ")

    assert run_study(read_study(toy.folder), WritesHalf()).finished
    with pytest.raises(IdeaError, match=r"late\.patch"):
        run(toy)


def test_an_idea_added_later_climbs_too(surer_ran: Any) -> None:
    toy = surer_ran
    first = read_history(toy.folder)
    toy.idea("cooler", ("TEMPERATURE = 1.3", "TEMPERATURE = 1.0"))
    second = run(toy)
    assert words(first).keys() == {"surer"}
    assert words(second.history)["cooler"] == "holds"
    assert any(idea.kind == "stack" for idea in second.history.ideas.values())
