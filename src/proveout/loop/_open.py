"""Opens a study: its ledger, its repository, its baseline and its catalog of ideas."""

from __future__ import annotations

import ast
import hashlib
import os
import platform
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from proveout import __version__
from proveout.errors import IdeaError, StudyError
from proveout.ideas import BASELINE, Idea, ProgramRepository, Proposal, read_catalog
from proveout.ledger import (
    LEDGER_FILE,
    Event,
    History,
    IdeaAdded,
    IdeaRefused,
    Ledger,
    SplitMade,
    StudyOpened,
    TrialInterrupted,
)
from proveout.scoring import make_split
from proveout.study import STUDY_FILE, Study
from proveout.trackers import TRACKERS
from proveout.trials import remove

REPOSITORY = "program.git"
INBOX = "inbox"
SOURCES = "sources"
_TREES = "trials/.trees"
_SCORE = "trials/.score"
_REPORTS = ("report.html", "report.md", "report.json", "figures")
_LEDGER_FILES = tuple(LEDGER_FILE + suffix for suffix in ("", "-wal", "-shm"))
_OWN_FILES = (
    STUDY_FILE, REPOSITORY, "trials", "lock", INBOX, SOURCES, TRACKERS, *_REPORTS, *_LEDGER_FILES,
)  # fmt: skip
"""What a study keeps in its folder, which may be the program's too."""

_MAY_CHANGE = frozenset(
    {"name", "question", "budget", "ideas", "llm", "policy", "limits", "run", "tracker"}
)
"""Tables of study.toml that may be edited while a study is under way."""

_WORTH_PRELOADING = ("torch", "numpy")
"""Imports that take long and that a process may be forked from."""

Record = Callable[[Event], None]


def repository_of(study: Study) -> ProgramRepository:
    """The study's program repository."""
    return ProgramRepository(study.folder / REPOSITORY)


def open_study(study: Study, ledger: Ledger, record: Record) -> None:
    """Brings the ledger up to where trials can run; does nothing twice.

    Raises:
        StudyError: study.toml has changed in a way that would make old and new trials differ.
        IdeaError: the catalog cannot be read.
        DataError: the held-out data cannot be read, or is too little.
        EnvironmentFailure: git is missing or the folder cannot be written.
    """
    history = ledger.history()
    _declare(study, history, record)
    if history.split is None and (split := make_split(study)) is not None:
        record(SplitMade(split.search_items, split.sealed_items, split.near, split.seen))
    for left in (_TREES, _SCORE):
        remove(study.folder / left)
    if BASELINE in history.ideas:
        _check_program(study, history.baseline)
    else:
        record(IdeaAdded(_import_program(study)))
    for trial, past in history.trials.items():
        if past.state == "running":
            record(TrialInterrupted(trial.id, "the controller ended while it ran"))
    add_ideas(study, ledger, record)


def add_ideas(study: Study, ledger: Ledger, record: Record) -> None:
    """Makes every idea of the catalog that is not known yet a commit, or refuses it."""
    if study.ideas.catalog is None:
        return
    history = ledger.history()
    known = history.ideas.keys() | {refused.name for refused in history.refused}
    for proposal in read_catalog(study.folder / study.ideas.catalog, study.ideas.only):
        if proposal.name not in known:
            record(add_idea(study, history.baseline, proposal))


def add_idea(study: Study, parent: Idea, proposal: Proposal) -> IdeaAdded | IdeaRefused:
    """The event that makes a proposal an idea, or says why it is refused."""
    repository = repository_of(study)
    try:
        commit = repository.add(
            proposal, parent.commit, study.program.editable, study.program.parameters
        )
    except IdeaError as error:
        return IdeaRefused(proposal.name, str(error), proposal.origin)
    idea = Idea(
        name=proposal.name,
        kind="idea",
        commit=commit,
        parent=parent.commit,
        hypothesis=proposal.hypothesis,
        source=proposal.source,
        predicts=proposal.predicts,
        category=proposal.category,
        parameters={**parent.parameters, **proposal.parameters},
        reason=proposal.reason,
        origin=proposal.origin,
        parents=proposal.parents,
        repairs=proposal.repairs,
    )
    return IdeaAdded(idea, diff_lines=changed_lines(proposal.patch) + len(proposal.parameters))


def changed_lines(diff: str) -> int:
    """How many lines a unified diff adds and takes away."""
    heads = ("+++", "---")
    return sum(line.startswith(("+", "-")) and not line.startswith(heads)
               for line in diff.splitlines())  # fmt: skip


def _declare(study: Study, history: History, record: Record) -> None:
    text = (study.folder / STUDY_FILE).read_text(encoding="utf-8")
    data = {
        name: _content_hash(study.folder / name)
        for name in (*study.program.data, *study.score.fixed)
    }
    if history.opened is not None:
        _check_change(study, history.opened, text, data)
        added = history.account.budget - history.opened.budget
        if study.budget.compute.amount + added < history.account.charged:
            raise StudyError(
                f"{study.folder / STUDY_FILE}: budget.compute: {study.budget.compute} is less "
                f"than what is spent already, {history.account.charged:g} "
                f"{study.budget.compute.unit}; give at least as much, or leave the study as it is"
            )
        if text == history.opened.study_toml:
            return
    record(
        StudyOpened(
            name=study.name,
            proveout_version=__version__,
            budget=study.budget.compute.amount,
            unit=study.budget.compute.unit,
            study_toml=text,
            machine=describe_machine(),
            data=data,
        )
    )


def check_unchanged(study: Study, opened: StudyOpened) -> bool:
    """Whether study.toml has been edited since, in a way that is allowed.

    Raises:
        StudyError: it has been edited in a way that makes its old trials mean something else.
    """
    text = (study.folder / STUDY_FILE).read_text(encoding="utf-8")
    _check_change(study, opened, text, {})
    return text != opened.study_toml


def _check_change(study: Study, opened: StudyOpened, text: str, data: dict[str, str]) -> None:
    if not opened.study_toml:
        return  # made by a tool and not by `run`: there is nothing to compare with
    before, now = tomllib.loads(opened.study_toml), tomllib.loads(text)
    changed = {key for key in before.keys() | now.keys() if before.get(key) != now.get(key)}
    if fixed := sorted(changed - _MAY_CHANGE):
        raise StudyError(
            f"{study.folder / STUDY_FILE} has changed in [{'], ['.join(fixed)}] since the study "
            "began, so its old trials would not compare with new ones. Undo that, or begin "
            f"another study; what may change on the way: {', '.join(sorted(_MAY_CHANGE))}"
        )
    for name, value in data.items():
        if opened.data.get(name, value) != value:
            raise StudyError(
                f"{study.folder / name} has changed since the study began, so its old trials "
                "would not compare with new ones. Put it back, or begin another study"
            )


def _content_hash(path: Path) -> str:
    """A hash of names, sizes and, up to 256 MB in all, contents of a file or a folder."""
    digest = hashlib.sha256()
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    room_bytes = 256_000_000
    for file in files:
        size_bytes = file.stat().st_size
        digest.update(f"{file.relative_to(path).as_posix()}\0{size_bytes}\0".encode())
        if size_bytes <= room_bytes:
            room_bytes -= size_bytes
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _import_program(study: Study) -> Idea:
    folder = study.folder / REPOSITORY
    remove(folder)
    program = study.folder / study.program.path
    _, commit = ProgramRepository.create(folder, program, not_the_program(study))
    return Idea(
        name=BASELINE,
        kind="baseline",
        commit=commit,
        parent=None,
        hypothesis="The program as it was given.",
    )


def _check_program(study: Study, baseline: Idea) -> None:
    program, repository = study.folder / study.program.path, repository_of(study)
    repository.check(baseline.commit)
    if changed := repository.changed_files(baseline.commit, program):
        raise StudyError(
            f"the program in {program} has changed since the study began ({', '.join(changed)}), "
            "which goes on with the program as it was. To study the new one, begin another study: "
            "a new folder with study.toml, the program and the ideas. To go on with this one, undo "
            "the change"
        )


def not_the_program(study: Study) -> list[Path]:
    """What may lie in the program's folder and is not part of it."""
    names = [*_OWN_FILES, *study.program.data, *study.score.fixed]
    names += [each.folder for each in study.tracker if each.folder is not None]
    return [study.folder / name for name in (*names, study.ideas.catalog) if name is not None]


def describe_machine() -> str:
    """Processor, cores, system and Python, for the records."""
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}"
    )


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def modules_to_preload(study: Study) -> tuple[str, ...]:
    """What the launcher imports once: as the study says, or the heavy imports of its code."""
    if study.run.preload is not None:
        return study.run.preload
    if study.run.threads > 1:
        return ()  # a preloaded library has settled on one thread; a fresh import has not
    program = study.folder / study.program.path
    imported = {"numpy"}  # the score server's own
    served = (study.score.served,) if study.score.served else ()
    for pattern in (*study.program.editable, *served):
        for found in program.glob(pattern):
            for file in found.rglob("*.py") if found.is_dir() else [found]:
                imported |= _imports(file)
    return tuple(name for name in _WORTH_PRELOADING if name in imported)


def _imports(file: Path) -> set[str]:
    if file.suffix != ".py":
        return set()
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


@dataclass
class Trees:
    """Exported commits, kept for as long as the controller runs: one export for many trials."""

    study: Study

    def of(self, idea: Idea) -> Path:
        """The files of an idea's commit. Trials copy them; nobody writes here."""
        folder = self.study.folder / _TREES / idea.commit
        if not folder.exists():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            repository_of(self.study).export(idea.commit, partial)
            partial.rename(folder)
        return folder

    def close(self) -> None:
        """Removes them."""
        for left in (_TREES, _SCORE):
            shutil.rmtree(self.study.folder / left, ignore_errors=True)
