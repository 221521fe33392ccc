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
from proveout.study import CurveSource, Study, Value
from proveout.trials._apply import (
    SettingsFailure,
    apply_settings,
    fill,
    link_output,
    write_config,
)
from proveout.trials._curve import Curve, read_curve, read_source
from proveout.trials._files import remove
from proveout.trials._job import Job, Limits
from proveout.trials._trial import Trial, trial_seed

_LEAST_FREE_BYTES = 20_000_000

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
    def curve(self) -> Path:
        """The curve as it was read, of a trial that reports it elsewhere than in `metrics`."""
        return self.path / "curve.jsonl"

    @property
    def is_intact(self) -> bool:
        """Whether the output folder is still a folder of its own, as it was made."""
        try:
            return self.out.is_dir() and not self.out.is_symlink()
        except OSError:  # a program can take the permissions of its own folder away
            return False

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


def prepare_trial(
    study: Study, trial: Trial, idea: Idea, tree: Path, device: str | None, preloaded: bool = True
) -> Job:
    """Writes a trial's folder anew and returns the job that runs it.

    `tree` holds the exported files of the idea's commit; `preloaded` is the job's.

    Raises:
        EnvironmentFailure: the disk has no room for all that a trial may write.
    """
    folder = trial_folder(study, trial)
    check_disk(study.folder, study.limits.disk)
    remove(folder.path)
    folder.out.mkdir(parents=True)
    (folder.path / "tmp").mkdir()
    copy_program(study, tree, folder.work)
    values = trial_values(study, trial, idea, folder)
    argv = _put_values(study, folder, values)
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
        environment=trial_environment(study, folder, values, device),
        writes=folder.path,
        log=folder.log,
        limits=Limits(
            wall_seconds=study.wall_seconds(trial.rung),
            memory_bytes=study.limits.memory,
            disk_bytes=study.limits.disk,
            processes=study.limits.processes,
            cpu_seconds=study.limits.cpu_time or math.inf,
            files=study.limits.files,
        ),
        reads=tuple((study.folder / name).resolve() for name in study.program.data),
        preloaded=preloaded,
    )


def _put_values(study: Study, folder: TrialFolder, values: Mapping[str, Value]) -> tuple[str, ...]:
    """Puts the values where the program looks for them and returns its command.

    Where an idea has changed what is to be replaced the command says so and fails: that is the
    idea's failure and not the study's.
    """
    try:
        link_output(study, folder.work, folder.out)
        apply_settings(study, folder.work, values)
        if study.program.config is not None:
            write_config(study, _config_file(study, folder), values)
    except SettingsFailure as failure:
        return (sys.executable, "-c", f"import sys; sys.exit({str(failure)!r})")
    return _command(study, values)


def _command(study: Study, values: Mapping[str, Value]) -> tuple[str, ...]:
    """Each word is filled in by itself, so no value can split one."""
    return tuple(fill(word, values) for word in shlex.split(study.program.train))


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
    """Copies an exported program and links the data beside it, at the paths the study gives.

    Data that lies in the program's own folder is linked where the program expects it.
    """
    shutil.copytree(tree, destination, symlinks=True)
    program = (study.folder / study.program.path).resolve()
    for name in study.program.data if with_data else ():
        source = (study.folder / name).resolve()
        if source.is_relative_to(program) and source != program:
            link = destination / source.relative_to(program)
        else:
            link = destination / (Path(name).name if Path(name).is_absolute() else name)
            if ".." in Path(name).parts:
                continue
        if link.exists():
            continue
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(source)


def trial_values(study: Study, trial: Trial, idea: Idea, folder: TrialFolder) -> dict[str, Value]:
    """What each placeholder of a trial stands for."""
    rung = study.rung(trial.rung)
    values = study.parameters_at(rung) | dict(idea.parameters)
    values["compute"] = _plain_number(rung.compute.amount)
    values["seed"] = trial_seed(study, trial)
    values["out"] = str(folder.out)
    if study.program.data:
        values["data"] = str((study.folder / study.program.data[0]).resolve())
    if study.program.config is not None:
        values["config"] = str(_config_file(study, folder))
    return values


def _config_file(study: Study, folder: TrialFolder) -> Path:
    return folder.path / f"config.{study.program.config}"


def trial_command(study: Study, trial: Trial, idea: Idea, folder: TrialFolder) -> tuple[str, ...]:
    """The trial's argument list."""
    return _command(study, trial_values(study, trial, idea, folder))


def trial_environment(
    study: Study, folder: TrialFolder, values: Mapping[str, Value], device: str | None
) -> dict[str, str]:
    """The clean environment, with what the study adds to it."""
    added = {name: fill(text, values) for name, text in study.program.environment.items()}
    return clean_environment(study, folder, device) | added


def trial_curve(study: Study, trial: Trial, idea: Idea) -> Curve:
    """The curve that a trial reports, while it runs and after."""
    folder = trial_folder(study, trial)
    if study.curve == CurveSource():
        return read_curve(folder.metrics)
    if folder.curve.is_file():
        return read_curve(folder.curve)
    known = trial_values(study, trial, idea, folder)
    return read_source(study.curve, folder.out, folder.log, known)


def keep_curve(study: Study, trial: Trial, idea: Idea) -> None:
    """Keeps a finished trial's curve, which lies among artifacts that will be removed."""
    if study.curve == CurveSource():
        return
    kept = trial_folder(study, trial).curve
    remove(kept)  # what has its name by now is the program's, perhaps a link
    curve = trial_curve(study, trial, idea)
    points = zip(curve.compute, curve.loss, strict=True)
    lines = (json.dumps({"flops": compute, "loss": loss}) + "\n" for compute, loss in points)
    kept.write_text("".join(lines), encoding="utf-8")


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


def _plain_number(amount: float) -> int | float:
    """Whole numbers without an exponent, which every argument parser reads."""
    return int(amount) if amount == int(amount) else amount
