"""Where coding agents work: `sources/agent/<ask>/`, through the runner that trials go through."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from proveout.ideas import JobEnd, Workplace
from proveout.loop._isolation import hidden_patterns
from proveout.loop._open import SOURCES, repository_of
from proveout.runners import LocalRunner
from proveout.study import AgentCommand, Study
from proveout.trials import (
    Job,
    Limits,
    TrialFolder,
    clean_environment,
    copy_program,
    read_regular,
    remove,
    tail,
)

_POLL_SECONDS = 0.2
_MOST_LOG_BYTES = 4_000_000


class LocalWorkplace(Workplace):
    """On this machine, in a process of its own with limits, an environment built from scratch and
    a home of its own."""

    def __init__(self, study: Study, declared: AgentCommand, commit: str) -> None:
        self._study, self._declared, self._commit = study, declared, commit
        self._closed = threading.Event()

    def prepare(self, ask: int) -> Path:
        folder, tree = self._folder(ask), self._folder(ask).path / "tree"
        self.clear(ask)
        folder.path.mkdir(parents=True, exist_ok=True)
        (folder.path / "tmp").mkdir()
        repository_of(self._study).export(self._commit, tree)
        copy_program(self._study, tree, folder.work)
        remove(tree)
        return folder.work

    def run(self, ask: int, argv: tuple[str, ...], environment: Mapping[str, str]) -> JobEnd:
        folder, declared = self._folder(ask), self._declared
        with (folder.path / "runs").open("ab") as file:  # before it starts: it may cost money
            file.write(b".")
            file.flush()
            os.fsync(file.fileno())
        job = Job(
            id=f"agent-{ask}",
            argv=argv,
            directory=folder.work,
            environment={**clean_environment(self._study, folder, None), **environment},
            writes=folder.path,
            log=folder.log,
            limits=Limits(
                wall_seconds=declared.wall_time,
                memory_bytes=declared.memory,
                disk_bytes=declared.disk,
            ),
            reads=tuple(_may_read(self._study, declared, argv)),
            network=declared.network,
        )
        with LocalRunner(1, (), hidden_patterns(self._study)) as runner:
            runner.submit(job)
            while not self._closed.is_set():
                for ended in runner.poll(_POLL_SECONDS):
                    return JobEnd(ended.ended_by, ended.code, tail(folder.log))
        return JobEnd("cancelled", None, tail(folder.log))

    def runs_of(self, ask: int) -> int:
        with contextlib.suppress(OSError):
            return (self._folder(ask).path / "runs").stat().st_size
        return 0

    def clear(self, ask: int, secrets: Sequence[str] = ()) -> None:
        folder = self._folder(ask)
        folder.clear_work()
        with contextlib.suppress(OSError):
            try:
                told = read_regular(folder.log, _MOST_LOG_BYTES)
            except OSError:  # the command has put something else in its place
                told = b""
            for secret in secrets:
                told = told.replace(secret.encode(), b"[removed]")
            remove(folder.log)
            folder.log.write_bytes(told)

    def close(self) -> None:
        self._closed.set()

    def _folder(self, ask: int) -> TrialFolder:
        return TrialFolder(self._study.folder / SOURCES / "agent" / str(ask))


def _may_read(study: Study, declared: AgentCommand, argv: Sequence[str]) -> Iterator[Path]:
    """Beside its own folder: the training data, what study.toml grants, and the files that its
    command names."""
    for name in (*study.program.data, *declared.reads):
        yield (study.folder / name).resolve()
    for word in argv:
        if Path(word).is_absolute() and Path(word).exists():
            yield Path(word).resolve()
