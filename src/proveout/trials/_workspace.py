"""Makes a trial runnable: a folder, a work dir without git, a command, an environment."""

from __future__ import annotations

import json
import math
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from proveout.errors import EnvironmentFailure
from proveout.ideas import Idea
from proveout.study import PLACEHOLDER, Study, Value
from proveout.trials._files import remove
from proveout.trials._job import Job, Limits
from proveout.trials._trial import Trial, trial_seed

_LEAST_FREE_BYTES = 20_000_000

_START_SECONDS = 10.0
_TIME_OVERRUN = 1.25
"""A trial that is given device-seconds is ended at this many times as much, and a start's worth."""

_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TZ", "CUDA_HOME")
"""What a trial sees of the controller's environment: nothing that could hold a key."""


@dataclass(frozen=True)
class TrialFolder:
    """What one trial leaves on disk: `trials/<id>/`."""

    path: Path

    @property
    def work(self) -> Path:
        """The program as it ran; removed when the trial is over."""
        return self.path / "work"

    @property
    def out(self) -> Path:
        """`{out}`: artifacts and metrics.jsonl."""
        return self.path / "out"

    @property
    def log(self) -> Path:
        """Standard output and error, capped."""
        return self.path / "log.txt"

    @property
    def metrics(self) -> Path:
        """The curve that the program reports."""
        return self.out / "metrics.jsonl"

    @property
    def is_intact(self) -> bool:
        """Whether the output folder is still a folder of its own, as it was made."""
        return self.out.is_dir() and not self.out.is_symlink()

    def clear_work(self) -> None:
        """Removes the program's copy and its temporary files."""
        remove(self.work)
        remove(self.path / "tmp")

    def clear_artifacts(self) -> None:
        """Removes what the trial made, all but its curve; never through a link."""
        if not self.is_intact:
            remove(self.out)
            return
        for entry in self.out.iterdir():
            if entry != self.metrics or entry.is_symlink():
                remove(entry)


def trial_folder(study: Study, trial: Trial) -> TrialFolder:
    """Where a trial lives in its study."""
    return TrialFolder(study.folder / "trials" / trial.id)


def prepare_trial(study: Study, trial: Trial, idea: Idea, tree: Path, device: str | None) -> Job:
    """Writes a trial's folder anew and returns the job that runs it.

    `tree` holds the exported files of the idea's commit.

    Raises:
        EnvironmentFailure: the disk has no room for all that a trial may write.
    """
    folder = trial_folder(study, trial)
    check_disk(study.folder, study.limits.disk)
    remove(folder.path)
    folder.out.mkdir(parents=True)
    (folder.path / "tmp").mkdir()
    copy_program(study, tree, folder.work)
    argv = trial_command(study, trial, idea, folder)
    spec = {
        "trial": trial.id,
        "idea": idea.name,
        "commit": idea.commit,
        "rung": str(study.rung(trial.rung).compute),
        "seed": trial_seed(study, trial),
        "command": argv,
    }
    (folder.path / "spec.json").write_text(json.dumps(spec, indent=1) + "\n")
    return Job(
        id=trial.id,
        argv=argv,
        directory=folder.work,
        environment=clean_environment(study, folder, device),
        writes=folder.path,
        log=folder.log,
        limits=Limits(
            wall_seconds=_wall_seconds(study, trial),
            memory_bytes=study.limits.memory,
            disk_bytes=study.limits.disk,
            processes=study.limits.processes,
            cpu_seconds=study.limits.cpu_time or math.inf,
            files=study.limits.files,
        ),
        reads=tuple((study.folder / name).resolve() for name in study.program.data),
    )


def _wall_seconds(study: Study, trial: Trial) -> float:
    """The wall limit; where compute is time, a trial may not take much more than it was given."""
    compute = study.rung(trial.rung).compute
    if compute.unit == "flops":
        return study.limits.wall_time
    return min(study.limits.wall_time, _START_SECONDS + _TIME_OVERRUN * compute.amount)


def check_disk(folder: Path, for_trial_bytes: int = 0) -> None:
    """Raises `EnvironmentFailure` when there is no room to write results, or all that a trial
    may."""
    free_bytes, needed_bytes = shutil.disk_usage(folder).free, _LEAST_FREE_BYTES + for_trial_bytes
    if free_bytes < needed_bytes:
        or_less = " or lower limits.disk" if free_bytes > _LEAST_FREE_BYTES else ""
        raise EnvironmentFailure(
            f"the disk that holds {folder} is full ({free_bytes / 1e6:.0f} MB left, at least "
            f"{needed_bytes / 1e6:.0f} MB needed); free some{or_less} and run again: "
            "nothing is lost"
        )


def copy_program(study: Study, tree: Path, destination: Path, with_data: bool = True) -> None:
    """Copies an exported program and links the data beside it, at the paths the study gives."""
    shutil.copytree(tree, destination, symlinks=True)
    for name in study.program.data if with_data else ():
        source = (study.folder / name).resolve()
        link = destination / Path(name).name if Path(name).is_absolute() else destination / name
        if ".." in Path(name).parts or link.exists():
            continue
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(source)


def trial_command(study: Study, trial: Trial, idea: Idea, folder: TrialFolder) -> tuple[str, ...]:
    """The trial's argument list: each word filled in by itself, so no value can split one."""
    rung = study.rung(trial.rung)
    values: dict[str, Value] = {**study.program.parameters, **rung.parameters, **idea.parameters}
    values["compute"] = _plain_number(rung.compute.amount)
    values["seed"] = trial_seed(study, trial)
    values["out"] = str(folder.out)
    if study.program.data:
        values["data"] = str((study.folder / study.program.data[0]).resolve())
    return tuple(_fill(word, values) for word in shlex.split(study.program.train))


def clean_environment(study: Study, folder: TrialFolder, device: str | None) -> dict[str, str]:
    """An environment built from scratch: the same on every start, with no key in it."""
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    interpreter = str(Path(sys.executable).parent)
    threads = str(study.run.threads)
    environment |= {
        "PATH": os.pathsep.join([interpreter, environment.get("PATH", os.defpath)]),
        "HOME": str(folder.path / "tmp"),
        "TMPDIR": str(folder.path / "tmp"),
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
    }
    if device is not None:
        environment["CUDA_VISIBLE_DEVICES"] = device
    return environment


def _fill(word: str, values: Mapping[str, Value]) -> str:
    return PLACEHOLDER.sub(lambda match: str(values[match[1]]), word)


def _plain_number(amount: float) -> int | float:
    """Whole numbers without an exponent, which every argument parser reads."""
    return int(amount) if amount == int(amount) else amount
