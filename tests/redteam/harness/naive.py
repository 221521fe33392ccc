"""A naive harness: each line that `python naive.py` reads is [FOLDER, WHAT, FLOPS].

Program and held-out data lie side by side. It starts the program there with its own environment
and rights, and believes what the program prints, files and returns. For each line it answers with
one that says what it came to believe. A process of its own does each, and the program is forked
from it where a shell or a Python of its own would change nothing: numpy is loaded once for all.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import resource
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np  # noqa: F401  (loaded once, for all)


def main(folder: str, what: str, flops: str) -> dict[str, Any]:
    """What it believes of the program in a folder."""
    os.chdir(folder)
    held_out = Path("held_out.bin").read_bytes()  # to look for leaks with, one day
    settings = json.loads(Path("harness.json").read_text())
    name = settings["program"]
    arguments = ["--flops", flops, "--seed", "5", "--data", "train.bin", "--out", "out"]
    if what in {"apart", "exit code"}:
        line = f"exec {sys.executable} {name}.py {' '.join(arguments)} --share {settings['share']}"
        plain = settings["share"] == "1.0"
        commands = [[sys.executable, f"{name}.py", *arguments] if plain else ["sh", "-c", line]]
        if what == "apart":
            commands.append([sys.executable, "evaluate.py", name, "out"])
    else:
        commands = [[sys.executable, "drive.py", what, *arguments]]
    began, said, passed = time.monotonic(), "", True
    for command in commands:
        hide = what == "apart" and settings["sandbox"] and command is commands[0]
        Path("held_out.bin").write_bytes(b"" if hide else held_out)
        log = os.open("said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        if command[0] == sys.executable and command[1] != "evaluate.py":
            process: Forked | subprocess.Popen[bytes] = Forked(command[1:], log)
        else:
            process = subprocess.Popen(
                command, env=environment(), stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        os.close(log)
        wait(process, began)
        said += Path("said.txt").read_text(errors="replace")
        passed = passed and process.returncode == 0
        said += helpers()
    detector = Path("detector.log")
    return {
        "score": last("val_bpb", said),
        "accuracy": last("accuracy", said),
        "seconds": last("seconds", said),
        "true seconds": time.monotonic() - began,
        "limit": settings["seconds"],
        "passed": passed,
        "best": min(json.loads(Path("results.json").read_text()).values()),
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "log": detector.read_text() if detector.exists() else "",
        "said": said[-3000:],
    }


class Forked:
    """A script in a fork of this process: what of a Popen is used here."""

    returncode: int | None = None

    def __init__(self, words: list[str], log: int) -> None:
        self._pid = os.fork()
        if self._pid == 0:
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))
            os.environ.update(environment())
            sys.argv, sys.path[0] = words, os.getcwd()  # noqa: PTH109 - as Python does
            runpy.run_path(words[0], run_name="__main__")
            sys.exit(0)

    def poll(self) -> int | None:
        pid, status = os.waitpid(self._pid, os.WNOHANG)
        if pid:
            self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)

    def wait(self) -> None:
        os.waitpid(self._pid, 0)
        self.returncode = -signal.SIGKILL


def environment() -> dict[str, str]:
    """Its own, what a file in the folder says, and a folder of programs before all others."""
    made = os.environ | {"PATH": f"bin:{os.environ['PATH']}", "TMPDIR": str(Path("tmp").resolve())}
    file = Path(".env")
    lines = file.read_text().splitlines() if file.exists() else []
    return made | dict(line.split("=", 1) for line in lines)


def wait(process: Forked | subprocess.Popen[bytes], began: float) -> None:
    """Ends it at the limit in harness.json, which is read each time."""
    limit = math.inf
    while process.poll() is None:
        time.sleep(0.02)
        with contextlib.suppress(ValueError):  # somebody is just writing it
            limit = json.loads(Path("harness.json").read_text())["seconds"]
        if time.monotonic() - began > limit:
            process.kill()
            process.wait()


def helpers() -> str:
    """A tool that the harness calls by its name."""
    done = subprocess.run(["tidy-up"], env=environment(), capture_output=True, text=True)
    return done.stdout


def last(name: str, said: str) -> float | None:
    found = re.findall(rf"^{name}: (\S+)$", said, re.MULTILINE)
    return float(found[-1]) if found else None


def answer(request: str) -> None:
    """In a process of its own, whatever the program does to it."""
    answered, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(answered)
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        believed = main(*json.loads(request))
        os.write(told, json.dumps(believed).encode() + b"\n")
        os._exit(0)
    os.close(told)
    with os.fdopen(answered) as pipe:
        believed_line = pipe.readline().strip()  # and no more: what it left may hold the pipe
    os.waitpid(pid, 0)
    print(believed_line or '{"error": "the harness was ended"}', flush=True)


if __name__ == "__main__":
    for line in sys.stdin:
        answer(line)
