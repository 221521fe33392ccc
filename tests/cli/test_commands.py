"""Each verb as a person types it: what it prints, its JSON, its exit code."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from proveout.ideas import Idea
from proveout.ledger import IdeaAdded, Ledger, StudyEnded, StudyOpened, read_history, verify_ledger

DONE, FAILED, USER_MISTAKE, WORK_LEFT = range(4)


@pytest.fixture(scope="session")
def command(proveout: Path) -> Any:
    def call(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(proveout), *map(str, arguments)],
            capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, **options,
        )  # fmt: skip

    return call


@pytest.fixture
def small(toy: Any) -> Any:
    """A study of two ideas, one good, one that crashes."""
    return with_two_ideas(toy)


@pytest.fixture
def short(small: Any) -> Any:
    """The same with the budget of a few trials: for how it begins, stops and goes on."""
    small.edit('compute = "4e9 flops"', 'compute = "3e7 flops"')
    return small


@pytest.fixture(scope="session")
def run_as_typed(toy_in: Any, command: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The study of `small`, run to its end by the command, and what that printed."""
    toy = with_two_ideas(toy_in(tmp_path_factory.mktemp("ran") / "toy"))
    return toy, command("run", toy.folder)


@pytest.fixture
def ran(run_as_typed: Any, tmp_path: Path) -> Any:
    """That study; a copy for each test."""
    toy, _ = run_as_typed
    shutil.copytree(toy.folder, tmp_path / "ran")
    return replace(toy, folder=tmp_path / "ran")


def with_two_ideas(toy: Any) -> Any:
    """The toy study with a good idea and one that crashes."""
    toy.idea("surer", ("FORGET = 0.2", "FORGET = 0.001"))
    toy.idea(
        "crash", ("    counts = np.full", "    raise RuntimeError('boom')\n    counts = np.full")
    )
    return toy


@pytest.mark.skipif(sys.platform != "linux", reason="isolation is Linux's")
def test_doctor_attacks_every_level_and_says_what_held(command: Any) -> None:
    done = command("doctor", "--json")
    document = json.loads(done.stdout)
    assert done.returncode == (FAILED if document["level"] == "E" else DONE)
    assert list(document["levels"]) == ["A", "B", "C"]
    for level, found in document["levels"].items():
        if found["holds"]:
            assert {each["name"] for each in found["attacks"]} > {
                "read held-out data", "forge the ledger", "reach the network by TCP",
                "trace the launcher", "start processes without end", "outlive its end",
            }  # fmt: skip
        else:
            assert found["obstacle"] or not all(each["held"] for each in found["attacks"]), level
    assert document["cores"] >= 1
    # What was asked to be left out is said to be, and a machine without isolation fails.
    environment = os.environ | {"PROVEOUT_HIGHEST_ISOLATION": "E"}
    done = command("doctor", env=environment)
    assert done.returncode == FAILED
    assert 'isolation = "E" in [run]' in done.stdout


def test_a_study_runs_to_its_report(run_as_typed: Any) -> None:
    toy, done = run_as_typed
    assert done.returncode == DONE, done.stderr
    assert "surer" in done.stdout
    assert "→ surer-r1-s1  first look at surer at 2e6" in done.stdout
    assert "holds" in done.stdout
    assert "broken" in done.stdout
    assert "boom" in done.stdout
    assert "Forecast for surer" in done.stdout
    report = toy.folder / "report.html"
    assert f"report: {report}" in done.stdout
    assert report.read_text().startswith("<!")


def test_a_study_that_was_run_is_read_in_every_way(ran: Any, typed: Any) -> None:
    verdicts = json.loads(typed("verdicts", ran.folder, "--json").stdout)
    found = {each["idea"]: each for each in verdicts["verdicts"]}
    assert found["surer"]["verdict"] == "holds"
    assert found["crash"]["gap_at_target"] is None
    assert "surer" in typed("verdicts", ran.folder).stdout

    status = json.loads(typed("status", ran.folder, "--json").stdout)
    assert status["account"]["reserved"] == 0
    assert "charged" in typed("status", ran.folder).stdout

    shown = typed("show", ran.folder, "surer")
    assert "+FORGET = 0.001" in shown.stdout
    page = json.loads(typed("show", ran.folder, "surer", "--json").stdout)
    assert "+FORGET = 0.001" in page["diff"]
    assert page["verdict"]["verdict"] == "holds"
    assert page["trials"]

    listed = json.loads(typed("ideas", "list", ran.folder, "--json").stdout)
    assert {each["name"] for each in listed["ideas"]} >= {"baseline", "surer", "crash"}
    assert "crash" in typed("ideas", "list", ran.folder).stdout

    assert json.loads(typed("report", ran.folder, "--json").stdout)["ideas"]
    written = typed("report", ran.folder, "--notebook", ran.folder / "notes",
                      "--traces", ran.folder / "traces.jsonl")  # fmt: skip
    assert written.returncode == DONE, written.stderr
    assert "surer" in (ran.folder / "notes" / "surer.md").read_text()
    lines = (ran.folder / "traces.jsonl").read_text().splitlines()
    traces = {trace["idea"]: trace for trace in map(json.loads, lines)}
    assert "+FORGET = 0.001" in traces["surer"]["change"]["diff"]
    assert traces["surer"]["forecast"]["measured_gap"] is not None
    assert all(bought["why"] for bought in traces["surer"]["purchases"])
    for format, written in (("md", "report.md"), ("json", "report.json"), ("svg", "figures")):
        done = typed("report", ran.folder, "--format", format)
        assert done.returncode == DONE, done.stderr
        assert (ran.folder / written).exists() or format == "json"
    again = typed("run", ran.folder)
    assert again.returncode == DONE
    assert "new baseline" in again.stdout


def test_every_verb_is_in_the_help_and_explains_itself(typed: Any) -> None:
    text = typed("--help").stdout
    for verb in ("init", "run", "status", "verdicts", "show", "ideas", "report"):
        assert verb in text
        assert typed(verb, "--help").returncode == DONE


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, proveout.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert not {"numpy", "pydantic", "matplotlib", "torch", "sqlite3"} & set(loaded.split())


def test_a_mistake_in_the_study_exits_with_2_and_no_traceback(small: Any, typed: Any) -> None:
    small.edit("items = 64", "itmes = 64")
    done = typed("run", small.folder)
    assert done.returncode == USER_MISTAKE
    assert "itmes" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("verb", ["run", "status", "verdicts", "report"])
def test_a_folder_without_a_study_says_how_to_get_one(
    verb: str, tmp_path: Path, typed: Any
) -> None:
    done = typed(verb, tmp_path / "nowhere")
    assert done.returncode == USER_MISTAKE
    assert "proveout init" in done.stderr


def test_an_unknown_idea_lists_those_there_are(ran: Any, typed: Any) -> None:
    done = typed("show", ran.folder, "sruer")
    assert done.returncode == USER_MISTAKE
    assert "surer" in done.stderr


def test_a_second_run_on_a_live_study_says_so_and_exits(small: Any, command: Any) -> None:
    with Ledger(small.folder):
        done = command("run", small.folder)
    assert done.returncode == USER_MISTAKE
    assert str(os.getpid()) in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_cleanly_and_says_how_to_go_on(
    number: int, short: Any, proveout: Path, typed: Any
) -> None:
    slow = "    args = parse()\n    import time; time.sleep(0.5)\n"
    short.idea("slow", ("    args = parse()\n", slow))
    process = subprocess.Popen(
        [proveout, "run", short.folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not list(short.folder.glob("trials/slow-r1-s1/out")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == WORK_LEFT, err
    assert f"proveout run {short.folder}" in out
    assert "Traceback" not in err
    status = json.loads(typed("status", short.folder, "--json").stdout)
    assert status["account"]["reserved"] == 0
    assert typed("run", short.folder).returncode == DONE


def test_at_a_terminal_the_study_is_seen_as_it_goes(small: Any, proveout: Path) -> None:
    """In a real pseudo-terminal of 80 by 24: the live view first, the table at the end."""
    process, controller = at_a_terminal(proveout, "run", small.folder)
    text = rest_of(controller)
    assert process.wait(timeout=60) == DONE
    live, _, rest = text.rpartition("budget")
    assert "trials done" in live
    assert "running" in live
    assert "report.html" in rest.replace("\r\n", "")


@pytest.mark.parametrize("end", ["the study", "Ctrl-C"])
def test_a_study_is_watched_until_it_ends(end: str, toy: Any, proveout: Path) -> None:
    with Ledger(toy.folder) as ledger:
        ledger.append(StudyOpened("toy", "0", 1e9, "flops", toy.file.read_text(), "a machine"))
        ledger.append(IdeaAdded(Idea("baseline", "baseline", "0" * 40, None)))
        process, controller = at_a_terminal(proveout, "status", toy.folder, "--watch")
        shown = os.read(controller, 65536)
        while b"budget" not in shown:
            shown += os.read(controller, 65536)
        assert process.poll() is None
        if end == "the study":
            ledger.append(StudyEnded("nothing is left to buy"))
        else:
            process.send_signal(signal.SIGINT)
        rest = rest_of(controller)
        assert process.wait(timeout=60) == DONE
    assert "Traceback" not in rest
    assert ("ended: nothing is left to buy" in rest) == (end == "the study")


def test_watching_without_a_terminal_prints_once_and_says_so(small: Any, typed: Any) -> None:
    with Ledger(small.folder) as ledger:
        ledger.append(StudyOpened("toy", "0", 1e9, "flops", small.file.read_text(), "a machine"))
    done = typed("status", small.folder, "--watch")
    assert done.returncode == DONE and "budget" in done.stdout
    assert "not a terminal" in done.stderr and "\x1b" not in done.stdout
    both = typed("status", small.folder, "--watch", "--json")
    assert both.returncode == USER_MISTAKE and "give one of them" in both.stderr


def at_a_terminal(proveout: Path, *words: object) -> tuple[subprocess.Popen[bytes], int]:
    """A command in a pseudo-terminal of 80 by 24, and the terminal's other end."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    process = subprocess.Popen(
        [proveout, *map(str, words)],
        stdin=terminal, stdout=terminal, stderr=terminal, env=environment,
    )  # fmt: skip
    os.close(terminal)
    return process, controller


def rest_of(controller: int) -> str:
    """What is printed until the end."""
    shown = b""
    with contextlib.suppress(OSError):  # how Linux says that the other end has been closed
        while chunk := os.read(controller, 65536):
            shown += chunk
    os.close(controller)
    return shown.decode()


def test_a_reader_that_goes_away_costs_no_trial(short: Any, proveout: Path, typed: Any) -> None:
    piped = subprocess.run(
        f"{proveout} run {short.folder} | head -2", shell=True, capture_output=True, timeout=120
    )
    assert b"Traceback" not in piped.stderr
    history = read_history(short.folder)
    settled = [r for r in history.trials.values() if r.state in {"scored", "failed"}]
    assert history.account.reserved == 0
    assert history.account.charged == sum(record.charged for record in settled)
    assert {r.trial.idea for r in settled if r.state == "failed"} <= {"crash"}
    assert typed("run", short.folder).returncode == DONE


def test_an_edited_rule_is_read_at_once_and_an_edited_ladder_refused(ran: Any, typed: Any) -> None:
    ran.edit("[limits]", "[policy]\nsmallest_gap = 0.9\n\n[limits]")
    for verb in ("verdicts", "run"):
        assert "holds" not in typed(verb, ran.folder).stdout.partition("no idea holds")[0]
    ran.edit('compute = "6e6 flops"', 'compute = "7e6 flops"')
    done = typed("verdicts", ran.folder)
    assert done.returncode == USER_MISTAKE
    assert "changed in [ladder]" in done.stderr


def test_a_missing_git_is_said_so(small: Any, proveout: Path, command: Any) -> None:
    done = command("run", small.folder, env={"PATH": str(small.folder)})
    assert done.returncode == FAILED
    assert "install git" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unreadable_corpus_is_said_so(small: Any, typed: Any) -> None:
    (small.folder / "held_out.bin").write_bytes(b"too short")
    done = typed("run", small.folder)
    assert done.returncode == USER_MISTAKE
    assert "held_out.bin" in done.stderr
    assert "9 bytes" in done.stderr


def test_a_damaged_ledger_is_said_so(small: Any, typed: Any) -> None:
    (small.folder / "ledger.sqlite").write_bytes(b"something else entirely" * 50)
    for verb in ("run", "verdicts"):
        done = typed(verb, small.folder)
        assert done.returncode == USER_MISTAKE
        assert "not a ledger" in done.stderr


def in_a_mount(script: str) -> subprocess.CompletedProcess[str]:
    """Runs a shell script where it may mount; skips where this user may not."""
    tried = subprocess.run(["unshare", "-m", "true"], capture_output=True)
    if tried.returncode != 0:
        pytest.skip("this user may not make a mount namespace")
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, timeout=120
    )


def test_a_study_on_a_full_disk_can_still_be_read(ran: Any, proveout: Path, tmp_path: Path) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("no unshare on this machine")
    disk = tmp_path / "disk"
    disk.mkdir()
    done = in_a_mount(
        f"mount -t tmpfs -o size=8m none {disk} && rm -rf {ran.folder}/trials && "
        f"cp -r {ran.folder} {disk}/study && "
        f"dd if=/dev/zero of={disk}/fill bs=4k 2>/dev/null; {proveout} verdicts {disk}/study"
    )
    assert "holds" in done.stdout, done.stderr


def test_a_study_is_run_without_any_stream(short: Any, proveout: Path) -> None:
    """No file of its own may take the place of a closed one, where children print to."""
    done = subprocess.run(
        ["sh", "-c", f"exec {proveout} run {short.folder} <&- >&- 2>&-"], timeout=120
    )
    assert done.returncode == DONE
    assert verify_ledger(short.folder).ok
    assert (short.folder / "report.html").is_file()


def test_too_little_address_space_is_said_so_and_does_not_hang(short: Any, proveout: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", f"ulimit -v 200000; exec {proveout} run {short.folder}"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == FAILED
    assert "ulimit -v" in done.stderr
    assert not (short.folder / "ledger.sqlite").exists()


def test_a_read_only_study_is_said_so_and_can_still_be_read(ran: Any, proveout: Path) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("no unshare on this machine")
    remount = f"mount --bind {ran.folder} {ran.folder} && mount -o remount,ro,bind {ran.folder}"
    done = in_a_mount(f"{remount} && {proveout} run {ran.folder}")
    assert done.returncode == FAILED, done.stderr
    assert "writable" in done.stderr
    assert "Traceback" not in done.stderr
    read = in_a_mount(f"{remount} && {proveout} verdicts {ran.folder}")
    assert "holds" in read.stdout, read.stderr


def test_a_full_disk_is_said_so_and_nothing_is_lost(
    short: Any, proveout: Path, tmp_path: Path, typed: Any
) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("no unshare on this machine")
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    done = in_a_mount(
        f"mount -t tmpfs -o size=24m none {disk} && cp -r {short.folder} {disk}/study && "
        f"dd if=/dev/zero of={disk}/fill bs=1M count=8 2>/dev/null; "
        f"{proveout} run {disk}/study; code=$?; rm -f {disk}/fill; cp -r {disk}/study {kept}; "
        "exit $code"
    )
    assert done.returncode == FAILED, done.stderr
    assert "full" in done.stderr
    assert "nothing is lost" in done.stderr
    assert "Traceback" not in done.stderr
    assert typed("run", kept).returncode == DONE


@pytest.mark.parametrize(
    ("flags", "said"),
    [(("--rung", "width=8"), "give --rung at least twice"),
     (("--rung", "width=8;steps=2", "--rung", "width=9"), "commas go between"),
     (("--pattern", "("), "--pattern '(' is no regular expression"),
     (("--pattern", "loss"), "--pattern 'loss' has no group")],
)  # fmt: skip
def test_init_says_which_flag_is_wrong_and_how_it_is_written(
    tmp_path: Path, typed: Any, flags: tuple[str, ...], said: str
) -> None:
    (tmp_path / "my p").mkdir()
    (tmp_path / "my p" / "train.py").write_text("steps = 160\nprint(steps)\n")
    done = typed("init", tmp_path / "my p", *flags)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "my p-study").exists()
    done = typed("init", tmp_path / "my p" / "train.py")
    assert done.returncode == 2
    assert "is a file; name the folder" in done.stderr
    assert f"proveout init '{tmp_path / 'my p'}'" in done.stderr


def test_init_writes_a_study_and_never_over_another(tmp_path: Path, typed: Any) -> None:
    corpus = tmp_path / "texts"
    corpus.mkdir()
    for number in range(40):
        words = " ".join(f"word{(number * 7919 + i * 104729) % 9973}" for i in range(2000))
        (corpus / f"{number}.txt").write_text(words)
    done = typed("init", tmp_path / "my study", "--corpus", corpus)
    assert done.returncode == DONE, done.stderr
    assert f"go on with: proveout run '{tmp_path / 'my study'}'" in done.stdout
    assert (tmp_path / "my study" / "study.toml").is_file()
    before = (tmp_path / "my study" / "study.toml").read_bytes()
    again = typed("init", tmp_path / "my study")
    assert again.returncode == USER_MISTAKE
    assert "not empty" in again.stderr
    assert (tmp_path / "my study" / "study.toml").read_bytes() == before
    missing = typed("init", tmp_path / "other", "--corpus", tmp_path / "nowhere")
    assert missing.returncode == USER_MISTAKE
    assert "nowhere" in missing.stderr
    assert not (tmp_path / "other").exists()


def test_a_report_is_not_written_over_a_studys_records(ran: Any, typed: Any) -> None:
    before = {name: (ran.folder / name).read_bytes() for name in ("ledger.sqlite", "study.toml")}
    for words in (
        ("--out", "ledger.sqlite"),
        ("--traces", "study.toml"),
        ("--notebook", "trials/x"),
    ):
        done = typed("report", ran.folder, words[0], ran.folder / words[1])
        assert done.returncode == USER_MISTAKE, words
        assert "is a record of" in done.stderr
    assert {name: (ran.folder / name).read_bytes() for name in before} == before
