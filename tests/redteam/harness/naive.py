"""A naive harness: `python naive.py FOLDER WHAT FLOPS`.

Program and held-out data lie side by side. It starts the program there with its own environment
and rights, and believes what the program prints, files and returns. Its last line says what it
came to believe.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def main(folder: Path, what: str, flops: str) -> dict[str, Any]:
    """What it believes of the program in a folder."""
    os.chdir(folder)
    held_out = Path("held_out.bin").read_bytes()  # to look for leaks with, one day
    settings = json.loads(Path("harness.json").read_text())
    name = settings["program"]
    arguments = ["--flops", flops, "--seed", "5", "--data", "train.bin", "--out", "out"]
    if what in {"apart", "exit code"}:
        line = f"exec {sys.executable} {name}.py {' '.join(arguments)} --share {settings['share']}"
        commands = [["sh", "-c", line]]
        if what == "apart":
            commands.append([sys.executable, "evaluate.py", name, "out"])
    else:
        commands = [[sys.executable, "drive.py", what, *arguments]]
    began, said, passed = time.monotonic(), "", True
    for command in commands:
        hide = what == "apart" and settings["sandbox"] and command is commands[0]
        Path("held_out.bin").write_bytes(b"" if hide else held_out)
        with Path("said.txt").open("wb") as log:
            process = subprocess.Popen(
                command, env=environment(), stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        wait(process, began)
        said += Path("said.txt").read_text(errors="replace")
        passed = passed and process.returncode == 0
        said += helpers()
    log = Path("detector.log")
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
        "log": log.read_text() if log.exists() else "",
        "said": said[-3000:],
    }


def environment() -> dict[str, str]:
    """Its own, what a file in the folder says, and a folder of programs before all others."""
    made = os.environ | {"PATH": f"bin:{os.environ['PATH']}", "TMPDIR": str(Path("tmp").resolve())}
    file = Path(".env")
    lines = file.read_text().splitlines() if file.exists() else []
    return made | dict(line.split("=", 1) for line in lines)


def wait(process: subprocess.Popen[bytes], began: float) -> None:
    """Ends it at the limit in harness.json, which is read each time."""
    while process.poll() is None:
        time.sleep(0.02)
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


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])))
