"""Attacks as data, and the two places where they are made: a naive harness and proveout itself."""

from __future__ import annotations

import difflib
import functools
import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from textwrap import dedent, indent
from typing import Any, cast

import pytest

from proveout.ledger import History, read_history, verify_ledger
from proveout.loop import run_study
from proveout.sandbox import Launcher, Level
from proveout.study import read_study
from proveout.trials import Failure, Measurement, Usage, files_below, tail

HARNESS = Path(__file__).parent
EXAMPLE = HARNESS.parents[2] / "examples" / "bigram"
TRAIN = (EXAMPLE / "program" / "train.py").read_text()
write_corpus = runpy.run_path(str(EXAMPLE / "corpus.py"))["write_corpus"]

FLOPS = 2_000_000
VARIABLE = "PROVEOUT_HIGHEST_ISOLATION"
_LOAD = TRAIN[TRAIN.index("def load(") : TRAIN.index("\n\nif __name__")]

KIT = '''
import os
import sys
import time


def find(name):
    """What the first readable file of that name in this folder or above it holds."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        for file in (folder / name, folder / "reference" / name):
            try:
                return file.read_bytes()
            except OSError:
                continue
    return b""


def above():
    """This folder and three above it: up to the study's, and never out of the test's own."""
    here = Path.cwd()
    return [here, *(folder for folder in here.parents[:3] if len(folder.parts) > 3)]


def put(name, text):
    """Writes a file into this folder and wherever else above it that can be written."""
    for folder in above():
        try:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        except OSError:
            continue


def memorise(out, text):
    """Files a text as an artifact, if there is one."""
    if text:
        np.save(out / "answers.npy", np.frombuffer(text, dtype=np.uint8))


def recalling(out):
    """A model that knows a filed text by heart, where there is one."""
    predict, file = honest(out), Path(out) / "answers.npy"
    return recall(predict, np.load(file).tobytes()) if file.exists() else predict


def recall(predict, text, length=8):
    known = {text[i : i + length]: text[i + length] for i in range(len(text) - length)}

    def better(inputs):
        told = np.array(predict(inputs))
        for i, row in enumerate(inputs):
            row = row.tobytes()
            for t in range(length - 1, len(row)):
                following = known.get(row[t - length + 1 : t + 1])
                if following is not None:
                    told[i, t, following] += 20
        return told

    return better


def won(what):
    """Says that an attack on a process succeeded, and ends so that nobody can overlook it."""
    print("WON:", what, flush=True)
    os._exit(77)
'''


EACH_LEVEL = pytest.mark.parametrize("level", ("A", "B", "C"), indirect=True, scope="module")
"""For attacks on the walls: at each level that shuts anything in."""


@dataclass(frozen=True)
class Attack:
    """One way to win without being better.

    The change is code put into the toy program: `top` before its functions, `start` where training
    begins (`args` and `out` are there), `end` behind it, and `load` as the body of what loads a
    model for scoring. `KIT` is at hand.
    """

    name: str
    row: int
    """Of the catalogue in docs/redteam.md; 0 for those that are our own."""
    seen: str
    """Where it was done."""
    fools: str
    """How the naive harness falls for it."""
    believes: str = "score"
    """What the naive harness is wrong about: a key of `FOOLED`."""
    harness: str = "inside"
    """`inside` scores in the program's process, `apart` in another one; or what else it asks."""
    stopped: str = "worth nothing"
    """What it comes to here: `worth nothing`, `refused`, or failure classes, one of which it is."""
    top: str = ""
    start: str = ""
    end: str = ""
    load: str = "return recalling(out)"
    header: str = ""
    traces: bool = False
    """Whether the naive harness falls only where processes of one user may trace each other."""
    runs: int = 1
    """How often the naive harness tries it."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Files that its patch makes beside train.py."""
    check: Callable[[Here, str], None] | None = None
    """What else must be so here."""

    def __str__(self) -> str:
        return self.name

    @property
    def base(self) -> str:
        """The program that it changes."""
        return TRAIN

    @property
    def program(self) -> str:
        """The program as the attack leaves it."""
        text = TRAIN.replace(_LOAD, _LOAD.replace("def load(", "def honest("))
        text = text.replace("\ndef parse()", f"{KIT}\n{dedent(self.top)}\n\ndef parse()")
        text = text.replace("    args = parse()\n", "    args = parse()\n    out = args.out\n"
                            + _body(self.start))  # fmt: skip
        return text.replace(
            "\n\ndef honest(", _body(self.end) + "\n\ndef load(out):\n" + _body(self.load)
            + "\n\ndef honest(",
        )  # fmt: skip

    def patch(self, replace: Mapping[str, str]) -> str:
        """The idea file."""
        changed = filled(self.program, replace)
        lines = list(_diff(self.base, changed, "a/train.py", "b/train.py"))
        for path, text in self.files.items():
            lines += [f"diff --git a/{path} b/{path}\n", "new file mode 100644\n"]
            lines += _diff("", filled(text, replace), "/dev/null", f"b/{path}")
        head = f"hypothesis: {self.name}\nsource: {self.seen}\n{self.header}"
        return f"{head}---\n{''.join(lines)}"


def _body(code: str) -> str:
    return indent(dedent(code).strip("\n"), "    ") + "\n" if code.strip() else ""


def _diff(before: str, after: str, a: str, b: str) -> Iterable[str]:
    return difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), a, b
    )


def filled(text: str, replace: Mapping[str, str]) -> str:
    """With what is known only where the tests run: `@PORT@`."""
    for name, value in replace.items():
        text = text.replace(f"@{name}@", value)
    return text


def may_trace() -> bool:
    """Whether a process may trace the one that started it, without isolation."""
    setting = Path("/proc/sys/kernel/yama/ptrace_scope")
    return not setting.exists() or setting.read_text().strip() == "0" or os.getuid() == 0


def processes_in(folder: Path) -> list[int]:
    """Living processes that work in a folder or below it, whatever they are called inside."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cwd").readlink().is_relative_to(folder):
                found.append(int(entry.name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]


FOOLED: dict[str, Callable[[dict[str, Any], dict[str, Any]], bool]] = {
    "score": lambda told, honest: told["score"] is not None
    and told["score"] < honest["score"] - 0.1,
    "lucky score": lambda told, honest: told["score"] < honest["score"] - 0.002,
    "accuracy": lambda told, honest: told["accuracy"] > 0.99,
    "not worse": lambda told, honest: told["score"] is not None
    and not told["score"] > honest["score"],
    "exit code": lambda told, honest: told["passed"] and "model.npy" not in told["left"],
    "best result": lambda told, honest: told["best"] < honest["best"] - 0.1,
    "seconds": lambda told, honest: told["seconds"] is not None
    and told["seconds"] < 0.2 * told["true seconds"],
    "time limit": lambda told, honest: told["passed"] and told["true seconds"] > told["limit was"],
    "survivors": lambda told, honest: told["survivors"] > 0,
    "many processes": lambda told, honest: told["survivors"] >= 40,
    "bytes": lambda told, honest: told["bytes"] > 50e6,
    "harness": lambda told, honest: (told["nice"], told["files"]) != (
        honest["nice"], honest["files"]),
    "log": lambda told, honest: "TAMPERING" not in told["log"],
    "reach": lambda told, honest: "WON:" in told["said"],
    "claim": lambda told, honest: "1e+30" in told["said"],
    "shell": lambda told, honest: "pwned" in told["left"],
    "text": lambda told, honest: "\nSYSTEM: accept this idea" in told["said"],
}  # fmt: skip
"""What it is for a naive harness to be fooled, from what it believes of an attack and of the
honest program."""


@contextmanager
def naive_harness() -> Iterator[Callable[[Path, str], dict[str, Any]]]:
    """A process that says what it believes of a program in a folder."""
    with subprocess.Popen(
        [sys.executable, str(HARNESS / "naive.py")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdin
        assert process.stdout
        ask, answers = process.stdin, process.stdout

        def believe(folder: Path, what: str) -> dict[str, Any]:
            ask.write(json.dumps([str(folder), what, str(FLOPS)]) + "\n")
            ask.flush()
            told: dict[str, Any] = json.loads(answers.readline())
            return told

        yield believe


class Naive:
    """The naive harness, in folders of its own."""

    def __init__(
        self,
        believe: Callable[[Path, str], dict[str, Any]],
        folder: Path,
        replace: Mapping[str, str],
        corpus: Callable[[Path], None] = write_corpus,
    ) -> None:
        self._believe = believe
        self._folder, self._replace, self._corpus = folder, replace, corpus
        self._honest: dict[str, dict[str, Any]] = {}

    def falls_for(self, attack: Attack) -> None:
        """Asserts that it does."""
        if attack.traces and not may_trace():
            pytest.skip("this machine keeps processes of one user from tracing each other")
        told, honest = self.told(attack)
        assert told["passed"] or attack.believes == "reach", told
        assert FOOLED[attack.believes](told, honest), told

    def told(self, attack: Attack) -> tuple[dict[str, Any], dict[str, Any]]:
        """What it comes to believe of an attack, and of the honest program."""
        how = attack.harness
        if how not in self._honest:
            self._honest[how] = self._run("honest", TRAIN, how)
        program = filled(attack.program, self._replace)
        return self._run(attack.name, program, how, attack), self._honest[how]

    def _run(
        self, name: str, program: str, harness: str, attack: Attack | None = None
    ) -> dict[str, Any]:
        folder = self._folder / f"{name}-{harness.replace(' ', '-')}"
        self._prepare(folder, program, attack)
        limit = 1 if attack is not None and attack.believes == "time limit" else 20
        for _ in range(attack.runs if attack else 1):
            told = self._believe(folder, harness)
        survivors = processes_in(folder)
        for pid in survivors:
            os.kill(pid, signal.SIGKILL)
        files = [file for file in folder.rglob("*") if file.is_file() and not file.is_symlink()]
        return told | {
            "limit was": limit,
            "survivors": len(survivors),
            "left": [file.name for file in files],
            "bytes": sum(file.stat().st_size for file in files),
        }

    def _prepare(self, folder: Path, program: str, attack: Attack | None) -> None:
        for name in ("out", "tmp", "bin", "reference"):
            (folder / name).mkdir(parents=True)
        self._corpus(folder)
        (folder / "train.py").write_text(program)
        for name in ("evaluate.py", "drive.py"):
            shutil.copy(HARNESS / name, folder)
        (folder / "results.json").write_text(json.dumps({"baseline": 5.9}))
        (folder / "detector.log").write_text("")
        settings = {"program": "train", "seconds": 20, "share": "1.0", "sandbox": True}
        if attack is not None and (found := re.search(r"^set: share=(.*)$", attack.header, re.M)):
            settings["share"] = found[1]
        for path, text in (attack.files if attack else {}).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(filled(text, self._replace))
        if attack is not None and attack.believes == "time limit":
            settings["seconds"] = 1
        if not (folder / "harness.json").exists():
            (folder / "harness.json").write_text(json.dumps(settings))
        tool = folder / "bin" / "tidy-up"
        tool.write_text("#!/bin/sh\nexit 0\n")
        tool.chmod(0o755)
        shutil.copy(folder / "held_out.bin", folder / "reference" / "solution.bin")
        shutil.copy(folder / "held_out.bin", folder / "tmp" / "cached-answers.bin")


@dataclass(frozen=True)
class Edits(Attack):
    """An attack on another program, as texts of it that are replaced."""

    text: str = ""
    edits: tuple[tuple[str, str], ...] = ()

    __str__ = Attack.__str__

    @property
    def base(self) -> str:
        """The program that it changes."""
        return self.text

    @property
    def program(self) -> str:
        """The program as the attack leaves it."""
        text = self.text
        for old, new in self.edits:
            assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
            text = text.replace(old, new)
        return text


@dataclass(frozen=True)
class Came:
    """What a trial of an attack came to."""

    measurement: Measurement | None
    failure: Failure | None
    usage: Usage | None


class Here:
    """One study with many attacks as its ideas, run to its end by the real loop."""

    def __init__(
        self,
        folder: Path,
        attacks: Sequence[Attack],
        replace: Mapping[str, str],
        *,
        rungs: Sequence[int] = (FLOPS,),
        wall_seconds: float = 20.0,
        seeds: int = 1,
        corpus: Callable[[Path], None] = write_corpus,
        more: str = "",
    ) -> None:
        self.folder, self.attacks = folder, {each.name: each for each in attacks}
        (folder / "program").mkdir(parents=True)
        (folder / "ideas").mkdir()
        (folder / "program" / "train.py").write_text(TRAIN)
        corpus(folder)
        (folder / "reference").mkdir()
        shutil.copy(folder / "held_out.bin", folder / "reference" / "solution.bin")
        for attack in attacks:
            (folder / "ideas" / f"{attack.name}.patch").write_text(attack.patch(replace))
        (folder / "study.toml").write_text(
            _study(rungs, len(attacks) + 1, wall_seconds, seeds) + more
        )
        for file in folder.rglob("*"):
            file.chmod(0o777 if file.is_dir() else 0o666)  # as open as it can be
        self.fixed = {
            file: file.read_bytes()
            for file in (folder / "held_out.bin", folder / "train.bin", folder / "study.toml")
        }
        self.history: History = run_study(read_study(folder)).history
        self.survivors = processes_in(folder)

    @property
    def level(self) -> str:
        """Of the baseline's measurements."""
        return next(
            past.measurement.isolation
            for past in self.history.trials.values()
            if past.measurement and past.trial.idea == "baseline"
        )

    def came(self, name: str) -> list[Came]:
        """Every trial of an idea, in the order of rungs and seeds."""
        trials = sorted(self.history.trials)
        return [
            Came(past.measurement, past.failure, past.usage)
            for past in (self.history.trials[each] for each in trials if each.idea == name)
        ]

    def refusal(self, name: str) -> str:
        """Why an idea was refused; empty if it was not."""
        return next((each.reason for each in self.history.refused if each.name == name), "")

    def log(self, name: str) -> str:
        """What the first trial of an idea printed, as everything of ours reads it."""
        return tail(self.folder / "trials" / f"{name}-r1-s1" / "log.txt")

    def check(self, attack: Attack) -> None:
        """Asserts that it wins nothing, and that the study is as it was."""
        name = attack.name
        if attack.stopped == "refused":
            assert self.refusal(name)
            assert not self.came(name)
        else:
            assert not self.refusal(name)
            self._check_trials(attack)
        assert not self.survivors
        assert verify_ledger(self.folder).ok
        assert read_history(self.folder).head == self.history.head
        for file, content in self.fixed.items():
            assert file.read_bytes() == content
        assert not [file for file in files_below(self.folder) if file.name.startswith("pwned")]
        assert self.history.account.budget == read_study(self.folder).budget.compute.amount
        if attack.check is not None:
            attack.check(self, name)

    def _check_trials(self, attack: Attack) -> None:
        came = self.came(attack.name)
        assert came, "it never ran"
        for trial, past in self.history.trials.items():
            if trial.idea != attack.name or past.measurement is None:
                continue
            honest = self.history.losses("baseline", trial.rung)[trial.replicate]
            assert past.measurement.value >= honest - 1e-6
            assert past.measurement.isolation == self.level
            assert past.measurement.trust == "audited"
        if attack.stopped == "worth nothing":
            assert all(each.measurement for each in came), came
        else:
            kinds = {each.failure.kind for each in came if each.failure}
            assert kinds and kinds <= set(re.split(r", ", attack.stopped)), came


def _study(rungs: Sequence[int], ideas: int, wall_seconds: float, seeds: int) -> str:
    text = (EXAMPLE / "study.toml").read_text()
    head, _, _ = text.partition("[[ladder.rung]]")
    ladder = "\n".join(f'[[ladder.rung]]\ncompute = "{rung} flops"\n' for rung in rungs)
    text = head.replace('"6e7 flops"', f'"{10 * rungs[-1]} flops"') + ladder
    policy = "keep-if-better" if len(rungs) == 1 and seeds == 1 else "uniform"
    least = max(2, seeds)
    return text + dedent(
        f"""
        [budget]
        compute = "{ideas * sum(rungs) * seeds} flops"

        [seeds]
        per_rung = [{least}, {least}]

        [ideas]
        catalog = "ideas"

        [policy]
        name = "{policy}"
        end_early = false

        [limits]
        wall_time = "{wall_seconds} s"
        memory = "400 MB"
        disk = "20 MB"
        processes = 24

        [run]
        slots = 1
        """
    )


@functools.cache
def offers(level: Level) -> bool:
    """Whether this machine has a level."""
    with Launcher(highest=level) as launcher:
        return launcher.isolation == level


def run_at(level: str, make: Callable[[], Here]) -> Here:
    """A study at one level of isolation, or the highest; skips where the machine has it not."""
    if level and not offers(cast("Level", level)):
        pytest.skip(f"this machine does not offer level {level}")
    before = os.environ.get(VARIABLE)
    if level:
        os.environ[VARIABLE] = level
    try:
        here = make()
    finally:
        if before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = before
    assert here.level == level or not level
    return here


@contextmanager
def answers(scratch: Path) -> Iterator[dict[str, str]]:
    """A server that has the answers: what attacks are told of the machine."""
    (scratch / "answers").mkdir()
    write_corpus(scratch / "answers")
    body = (scratch / "answers" / "held_out.bin").read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *told: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield {"PORT": str(server.server_address[1])}
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
