"""The program's git repository: every idea is a commit, every stack a merge."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from proveout.errors import EnvironmentFailure, IdeaError, MergeConflict
from proveout.ideas._idea import Proposal
from proveout.ideas._program_files import program_files
from proveout.ideas._texts import is_editable
from proveout.study import Value

_OVERRIDES = ".proveout/parameters"
"""Parameter overrides live in the tree, a file each, so that git merges them like code."""


class ProgramRepository:
    """A bare repository inside the study, driven by the `git` program.

    The same change on the same parent is the same commit on every machine: author and date
    are fixed, and no configuration of the user's takes part.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def create(
        cls, folder: Path, program: Path, leave_out: Sequence[Path]
    ) -> tuple[ProgramRepository, str]:
        """Imports the program as the baseline commit.

        `leave_out` are files and folders below `program` that do not belong to it: data,
        held-out data, the study's own records.

        Returns the repository and the baseline's commit.
        """
        repository = cls(folder)
        repository._git("init", "--quiet", "--bare", str(folder), inside=False)
        # What a program's .gitattributes ask for must not change the files of a trial, nor what
        # counts as a conflict where an idea may change it.
        (folder / "info" / "attributes").write_text(_PLAIN_FILES)
        tree = repository._tree_of(program, leave_out)
        commit = repository._commit_tree(tree, (), "The program as it was given: the baseline")
        repository.point("refs/heads/baseline", commit)
        return repository, commit

    def has_ideas(self) -> bool:
        """Whether any idea was made a commit here; False where there is no repository."""
        packed = self.folder / "packed-refs"
        return any((self.folder / "refs" / "ideas").glob("*")) or (
            packed.is_file() and " refs/ideas/" in packed.read_text(encoding="utf-8")
        )

    def check(self, commit: str) -> None:
        """Raises EnvironmentFailure where the repository or a commit's files are not there."""
        listed = self._run(["git", f"--git-dir={self.folder}", "ls-tree", "-r", commit])
        if listed.returncode != 0:
            said = _said(listed.stderr) if self.folder.exists() else "there is no such folder"
            raise EnvironmentFailure(
                f"{self.folder}, in which each idea is a commit, is missing or damaged: {said}. "
                "Put it back from a copy of the study; what was measured is in the ledger, and "
                "`proveout verdicts` and `report` still show it"
            )

    def changed_files(self, commit: str, program: Path) -> tuple[str, ...]:
        """The files of a commit that are others in a folder, or missing; new ones do not count."""
        with self._scratch() as scratch:
            index, there = scratch / "index", f"--work-tree={program}"
            self._git("read-tree", commit, index=index)
            self._run(["git", f"--git-dir={self.folder}", there, "update-index", "-q", "--refresh"],
                      index=index)  # fmt: skip
            listing = self._git(there, "diff-files", "-z", "--name-only", index=index)
        return tuple(name for name in listing.split("\0") if name)

    def add(
        self,
        proposal: Proposal,
        parent: str,
        editable: Sequence[str],
        parameters: Mapping[str, Value],
    ) -> str:
        """Makes a proposal a commit on `parent` and returns it.

        `parameters` are the program's declared ones: only these can be overridden.

        Raises:
            IdeaError: the patch does not apply, changes what is not editable, changes nothing,
                or overrides a parameter that the program does not declare.
        """
        check_overrides(proposal, parameters)
        with self._scratch() as scratch:
            index = scratch / "index"
            self._git("read-tree", parent, index=index)
            if proposal.patch:
                self._apply(proposal, index)
            tree = patched = self._git("write-tree", index=index)
            self._check_changes(proposal, parent, patched, editable)
            for name, value in proposal.parameters.items():
                blob = self._git("hash-object", "-w", "--stdin", input=_encode(value))
                entry = f"100644,{blob},{_OVERRIDES}/{name}"
                self._git("update-index", "--add", "--cacheinfo", entry, index=index)
            if proposal.parameters:
                tree = self._git("write-tree", index=index)
        if tree == self._git("rev-parse", f"{parent}^{{tree}}"):
            raise IdeaError(f"{proposal.name!r} changes nothing in the program")
        message = f"{proposal.name}: {proposal.hypothesis}\n\nSource: {proposal.source}"
        commit = self._commit_tree(tree, (parent,), message)
        self.point(f"refs/ideas/{proposal.name}", commit)
        return commit

    def merge(self, ours: str, theirs: str, name: str, kind: str = "stacks") -> str:
        """Merges two commits as git does and returns the merge, kept as `refs/stacks/name`.

        `kind` "ideas" keeps it as an idea.

        Raises:
            MergeConflict: both change the same lines; names the files.
        """
        shutil.rmtree(self.folder / "worktrees", ignore_errors=True)  # what a kill left
        with self._scratch() as scratch:
            tree = scratch / "merge"
            self._git("worktree", "add", "--quiet", "--detach", str(tree), ours)
            try:
                merged = self._run(
                    ["git", "-C", str(tree), "merge", "--quiet", "--no-ff", "-m", name, theirs]
                )
                if merged.returncode != 0:
                    self._raise_conflict(tree, merged)
                commit = self._git("-C", str(tree), "rev-parse", "HEAD", inside=False)
            finally:
                self._git("worktree", "remove", "--force", str(tree))
        self.point(f"refs/{kind}/{name}", commit)
        return commit

    def export(self, commit: str, destination: Path) -> None:
        """Writes the files of a commit into a folder, without any trace of git."""
        archive = self._run(["git", f"--git-dir={self.folder}", "archive", commit])
        if archive.returncode != 0:
            raise EnvironmentFailure(
                f"commit {commit} is not in {self.folder}: {_said(archive.stderr)}"
            )
        destination.mkdir(parents=True, exist_ok=True)
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
            members = [m for m in tar if PurePosixPath(m.name).parts[:1] != (".proveout",)]
            # The first releases of Python 3.11 know no filters; git wrote this archive itself.
            safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            tar.extractall(destination, members, **safely)  # type: ignore[arg-type]

    def parameters(self, commit: str) -> dict[str, Value]:
        """Every parameter override in force at a commit."""
        listing = self._git("ls-tree", "--name-only", commit, f"{_OVERRIDES}/")
        return {
            PurePosixPath(path).name: json.loads(self._git("show", f"{commit}:{path}"))
            for path in listing.splitlines()
        }

    def diff(self, parent: str, commit: str, settings: bool = True) -> str:
        """The change between two commits as a unified diff; `settings` with its overrides."""
        only = [] if settings else ["--", ".", f":(exclude){_OVERRIDES.split('/')[0]}"]
        return self._git("diff", "--no-color", "--no-ext-diff", parent, commit, *only)

    def point(self, reference: str, commit: str) -> None:
        """Makes a reference such as `refs/heads/baseline` name a commit."""
        self._git("update-ref", reference, commit)

    def _tree_of(self, program: Path, leave_out: Sequence[Path]) -> str:
        with self._scratch() as scratch:
            index = scratch / "index"
            listing = b"\0".join(map(os.fsencode, program_files(program, leave_out)))
            self._git(
                f"--work-tree={program}", "update-index", "--add", "-z", "--stdin",
                index=index, input=listing,
            )  # fmt: skip
            return self._git("write-tree", index=index)

    @contextlib.contextmanager
    def _scratch(self) -> Iterator[Path]:
        """A folder inside the repository; what a kill leaves there goes with the next one."""
        folder = self.folder / "scratch"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _apply(self, proposal: Proposal, index: Path) -> None:
        patch = proposal.patch if proposal.patch.endswith("\n") else proposal.patch + "\n"
        applied = self._run(
            ["git", f"--git-dir={self.folder}", "apply", "--cached", "--whitespace=nowarn", "-"],
            index=index,
            input=patch.encode(),
        )
        if applied.returncode != 0:
            raise IdeaError(
                f"the patch of {proposal.name!r} does not apply to the program: "
                f"{_said(applied.stderr)}"
            )

    def _check_changes(
        self, proposal: Proposal, parent: str, patched: str, editable: Sequence[str]
    ) -> None:
        changes = self._git("diff-tree", "-r", "-z", "--no-renames", "--raw", parent, patched)
        fields = changes.split("\0")
        for raw, path in zip(fields[::2], fields[1::2], strict=False):
            new_mode = raw.split()[1]
            if not is_editable(path, editable) or path.split("/")[0] == _OVERRIDES.split("/")[0]:
                raise IdeaError(
                    f"{proposal.name!r} changes {path!r}, which is not editable; "
                    f"the study lets an idea change: {', '.join(editable)}"
                )
            if new_mode not in {"100644", "100755", "000000"}:
                raise IdeaError(
                    f"{proposal.name!r} makes {path!r} a link or a submodule; "
                    "an idea may only change regular files"
                )

    def _raise_conflict(self, tree: Path, merged: subprocess.CompletedProcess[bytes]) -> None:
        listed = self._git("-C", str(tree), "diff", "--name-only", "--diff-filter=U", inside=False)
        paths = tuple(listed.splitlines())
        if not paths:
            raise EnvironmentFailure(f"git could not merge: {_said(merged.stderr)}")
        raise MergeConflict(f"both change the same lines of {', '.join(paths)}", paths)

    def _commit_tree(self, tree: str, parents: Sequence[str], message: str) -> str:
        options = [option for parent in parents for option in ("-p", parent)]
        return self._git("commit-tree", tree, *options, input=message.encode())

    def _git(
        self,
        *arguments: str,
        index: Path | None = None,
        input: bytes | None = None,
        inside: bool = True,
    ) -> str:
        where = [f"--git-dir={self.folder}"] if inside else []
        done = self._run(["git", *where, *arguments], index=index, input=input)
        if done.returncode != 0:
            raise EnvironmentFailure(f"`git {arguments[0]}` failed: {_said(done.stderr)}")
        return done.stdout.decode(errors="replace").rstrip("\n")

    def _run(
        self, argv: list[str], index: Path | None = None, input: bytes | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        environment = _GIT_ENVIRONMENT | {"PATH": os.environ.get("PATH", os.defpath)}
        if index is not None:
            environment["GIT_INDEX_FILE"] = str(index)
        argv = [argv[0], *_GIT_OPTIONS, *argv[1:]]
        try:
            # In a session of its own, so that Ctrl-C in the terminal does not end it half-way.
            done = subprocess.run(
                argv, env=environment, input=input, capture_output=True, start_new_session=True
            )
        except FileNotFoundError:
            raise EnvironmentFailure(
                "the `git` program is not on PATH; install git, which keeps the ideas as commits"
            ) from None
        if done.returncode < 0:
            raise EnvironmentFailure(f"git was ended by signal {-done.returncode}; run again")
        return done


_GIT_OPTIONS = (
    "-c", "core.autocrlf=false",
    "-c", "core.hooksPath=/dev/null",
    "-c", "core.quotePath=false",
    "-c", "gc.auto=0",
    "-c", "safe.directory=*",
    "-c", "merge.conflictStyle=merge",
)  # fmt: skip

_PLAIN_FILES = (
    "* -export-ignore -export-subst -text -eol -filter -ident -working-tree-encoding "
    "!merge !diff !conflict-marker-size !whitespace\n"
)

_GIT_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "proveout",
    "GIT_AUTHOR_EMAIL": "proveout@localhost",
    "GIT_COMMITTER_NAME": "proveout",
    "GIT_COMMITTER_EMAIL": "proveout@localhost",
    "GIT_AUTHOR_DATE": "2000-01-01T00:00:00Z",
    "GIT_COMMITTER_DATE": "2000-01-01T00:00:00Z",
    "LC_ALL": "C",
}


def check_overrides(proposal: Proposal, parameters: Mapping[str, Value]) -> None:
    """Raises `IdeaError` where a proposal sets what is none of the study's parameters."""
    for name in proposal.parameters:
        if name not in parameters:
            known = ", ".join(parameters) or "none"
            raise IdeaError(
                f"{proposal.name!r} sets {name!r}, which is not among the study's "
                f"program.parameters: {known}"
            )


def _encode(value: Value) -> bytes:
    return json.dumps(value).encode() + b"\n"


def _said(stderr: bytes) -> str:
    """The gist of what git said, on one line."""
    lines = [line for line in stderr.decode(errors="replace").splitlines() if line.strip()]
    return "; ".join(line.removeprefix("error: ").removeprefix("fatal: ") for line in lines[:3])
