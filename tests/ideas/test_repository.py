"""Ideas are commits; what cannot be one is refused with the reason."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from proveout.errors import EnvironmentFailure, IdeaError, MergeConflict
from proveout.ideas import ProgramRepository, Proposal, patch_between, read_catalog, read_proposal

Toy = Any
EDITABLE = ("train.py",)
PARAMETERS = {"share": 1.0}
SMOOTHING = ("SMOOTHING = 1.0", "SMOOTHING = 0.1")
COMMENT = ("    np.add.at(", "    # Count each pair of bytes.\n    np.add.at(")


@pytest.fixture
def imported(toy: Toy) -> tuple[ProgramRepository, str]:
    return ProgramRepository.create(toy.folder / "program.git", toy.folder / "program", [])


def add(toy: Toy, repository: ProgramRepository, parent: str, name: str, *edits: Any) -> str:
    proposal = read_proposal(toy.idea(name, *edits))
    return repository.add(proposal, parent, EDITABLE, PARAMETERS)


def test_an_exported_commit_is_the_edited_program_without_git(
    toy: Toy, imported: Any, tmp_path: Path
) -> None:
    repository, baseline = imported
    commit = add(toy, repository, baseline, "sharper", SMOOTHING)
    repository.export(commit, tmp_path / "tree")
    assert sorted(path.name for path in (tmp_path / "tree").iterdir()) == ["notes.md", "train.py"]
    assert (tmp_path / "tree" / "train.py").read_text() == toy.train.replace(*SMOOTHING)
    assert "+SMOOTHING = 0.1" in repository.diff(baseline, commit)


def test_the_same_change_is_the_same_commit_on_every_machine(make_toy: Any) -> None:
    commits = set()
    for name in ("here", "there"):
        toy = make_toy(name)
        folder = toy.folder / "program.git"
        repository, baseline = ProgramRepository.create(folder, toy.folder / "program", [])
        commits.add((baseline, add(toy, repository, baseline, "sharper", SMOOTHING)))
    assert len(commits) == 1


def test_the_users_git_configuration_takes_no_part(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = tmp_path / "hooks" / "reference-transaction"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    (tmp_path / ".gitconfig").write_text(
        f"[core]\nhooksPath = {hook.parent}\nautocrlf = true\n[commit]\ngpgsign = true\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    folder = toy.folder / "program.git"
    repository, baseline = ProgramRepository.create(folder, toy.folder / "program", [])
    assert add(toy, repository, baseline, "sharper", SMOOTHING)


def test_two_ideas_merge(toy: Toy, imported: Any, tmp_path: Path) -> None:
    repository, baseline = imported
    one = add(toy, repository, baseline, "one", SMOOTHING)
    two = add(toy, repository, baseline, "two", COMMENT)
    merged = repository.merge(one, two, "stack-2")
    repository.export(merged, tmp_path / "tree")
    expected = toy.train.replace(*SMOOTHING).replace(*COMMENT)
    assert (tmp_path / "tree" / "train.py").read_text() == expected


def test_a_conflict_names_the_files_and_leaves_the_repository_usable(
    toy: Toy, imported: Any
) -> None:
    repository, baseline = imported
    one = add(toy, repository, baseline, "one", SMOOTHING)
    other = add(toy, repository, baseline, "other", ("SMOOTHING = 1.0", "SMOOTHING = 9.0"))
    with pytest.raises(MergeConflict) as raised:
        repository.merge(one, other, "stack-2")
    assert raised.value.paths == ("train.py",)
    two = add(toy, repository, baseline, "two", COMMENT)
    assert repository.merge(one, two, "stack-3")


def test_an_idea_does_not_say_what_a_conflict_is(toy: Toy, imported: Any) -> None:
    repository, baseline = imported
    edits = {"one": SMOOTHING, "other": ("SMOOTHING = 1.0", "SMOOTHING = 9.0")}
    commits = []
    for name, edit in edits.items():
        read = read_proposal(toy.idea(name, edit))
        attributes = patch_between({}, {".gitattributes": "* merge=union -diff\n"})
        changed = replace(read, patch=read.patch + attributes)
        commits.append(repository.add(changed, baseline, ["*"], PARAMETERS))
    with pytest.raises(MergeConflict):
        repository.merge(*commits, "stack-2")


def test_a_file_in_the_place_of_overrides_is_refused_before_they_are_written(
    toy: Toy, imported: Any
) -> None:
    repository, baseline = imported
    patch = patch_between({}, {"x": "junk\n"}).replace("/x", "/.proveout")
    for parameters in ({}, {"share": 0.5}):
        proposal = Proposal("idea", "h", "s", patch=patch, parameters=parameters)
        with pytest.raises(IdeaError, match="not editable"):
            repository.add(proposal, baseline, ["*"], PARAMETERS)


def test_parameter_overrides_are_merged_and_conflict_like_code(toy: Toy, imported: Any) -> None:
    repository, baseline = imported
    half = repository.add(
        Proposal("half", "h", "s", parameters={"share": 0.5}), baseline, EDITABLE, PARAMETERS
    )
    fifth = repository.add(
        Proposal("fifth", "h", "s", parameters={"share": 0.2}), baseline, EDITABLE, PARAMETERS
    )
    code = add(toy, repository, baseline, "code", SMOOTHING)
    assert repository.parameters(baseline) == {}
    assert repository.parameters(repository.merge(code, half, "stack-2")) == {"share": 0.5}
    with pytest.raises(MergeConflict):
        repository.merge(half, fifth, "stack-3")


def refused(toy: Toy, imported: Any, file: Path) -> str:
    repository, baseline = imported
    with pytest.raises(IdeaError) as raised:
        repository.add(read_proposal(file), baseline, EDITABLE, PARAMETERS)
    return str(raised.value)


def test_a_patch_that_does_not_apply_is_refused(toy: Toy, imported: Any) -> None:
    file = toy.idea("late", SMOOTHING)
    file.write_text(file.read_text().replace("-SMOOTHING = 1.0", "-SMOOTHING = 7.0"))
    assert "does not apply" in refused(toy, imported, file)


def test_a_patch_of_what_is_not_editable_is_refused(toy: Toy, imported: Any) -> None:
    file = toy.folder / "ideas" / "notes.patch"
    file.write_text(
        "hypothesis: h\nsource: s\n---\n--- a/notes.md\n+++ b/notes.md\n@@ -1 +1 @@\n"
        "-not editable\n+edited\n"
    )
    message = refused(toy, imported, file)
    assert "notes.md" in message
    assert "train.py" in message


def test_a_new_file_a_deleted_file_and_a_link_are_refused(toy: Toy, imported: Any) -> None:
    added = toy.folder / "ideas" / "added.patch"
    added.write_text(
        "hypothesis: h\nsource: s\n---\ndiff --git a/new.py b/new.py\nnew file mode 100644\n"
        "--- /dev/null\n+++ b/new.py\n@@ -0,0 +1 @@\n+x = 1\n"
    )
    assert "new.py" in refused(toy, imported, added)
    deleted = toy.folder / "ideas" / "deleted.patch"
    deleted.write_text(
        "hypothesis: h\nsource: s\n---\ndiff --git a/notes.md b/notes.md\n"
        "deleted file mode 100644\n--- a/notes.md\n+++ /dev/null\n@@ -1 +0,0 @@\n-not editable\n"
    )
    assert "notes.md" in refused(toy, imported, deleted)
    gone = "".join(f"-{line}" for line in toy.train.splitlines(keepends=True))
    count = toy.train.count("\n")
    link = toy.folder / "ideas" / "link.patch"
    link.write_text(
        "hypothesis: h\nsource: s\n---\ndiff --git a/train.py b/train.py\n"
        f"deleted file mode 100644\n--- a/train.py\n+++ /dev/null\n@@ -1,{count} +0,0 @@\n{gone}"
        "diff --git a/train.py b/train.py\nnew file mode 120000\n--- /dev/null\n+++ b/train.py\n"
        "@@ -0,0 +1 @@\n+/etc/passwd\n\\ No newline at end of file\n"
    )
    assert "link" in refused(toy, imported, link)


def test_a_path_out_of_the_program_is_refused(toy: Toy, imported: Any) -> None:
    file = toy.folder / "ideas" / "out.patch"
    file.write_text(
        "hypothesis: h\nsource: s\n---\ndiff --git a/../out.py b/../out.py\nnew file mode 100644\n"
        "--- /dev/null\n+++ b/../out.py\n@@ -0,0 +1 @@\n+x = 1\n"
    )
    refused(toy, imported, file)
    assert not (toy.folder / "out.py").exists()


def test_an_unknown_parameter_is_refused_and_the_known_ones_are_named(
    toy: Toy, imported: Any
) -> None:
    repository, baseline = imported
    with pytest.raises(IdeaError, match=r"'width'.*share"):
        repository.add(
            Proposal("wide", "h", "s", parameters={"width": 2}), baseline, EDITABLE, PARAMETERS
        )


HEADERS = [
    ("source: s\n---\nx", "hypothesis"),
    ("hypothesis: h\n---\nx", "source"),
    ("hypothesis: h\nsource: s\n", "---"),
    ("hypothesis: h\nsource: s\n---\n", "changes nothing"),
    ("hypothesis: h\nwhence: s\n---\nx", "line 2"),
    ("hypothesis: h\nhypothesis: g\nsource: s\n---\nx", "twice"),
]


@pytest.mark.parametrize(("text", "word"), HEADERS)
def test_a_malformed_idea_file_is_one_clear_message(tmp_path: Path, text: str, word: str) -> None:
    file = tmp_path / "odd.patch"
    file.write_text(text)
    with pytest.raises(IdeaError, match=word):
        read_proposal(file)


@pytest.mark.parametrize(
    "name", ["Upper", "sp ace", "-dash", "dot.dot", "a" * 61, "baseline", "stack-2"]
)
def test_a_name_that_could_not_be_a_folder_or_a_reference_is_refused(
    tmp_path: Path, name: str
) -> None:
    file = tmp_path / f"{name}.patch"
    file.write_text("hypothesis: h\nsource: s\nset: share=2\n---\n")
    with pytest.raises(IdeaError, match="name"):
        read_proposal(file)


def test_values_keep_their_types_and_headers_may_go_on(tmp_path: Path) -> None:
    file = tmp_path / "typed.patch"
    file.write_text(
        "hypothesis: a long\n  story\nsource: s\n"
        "set: a=3\nset: b=0.5\nset: c=true\nset: d=x y\n---\n"
    )
    proposal = read_proposal(file)
    assert proposal.hypothesis == "a long story"
    assert proposal.parameters == {"a": 3, "b": 0.5, "c": True, "d": "x y"}
    assert [type(value) for value in proposal.parameters.values()] == [int, float, bool, str]


def test_a_name_that_is_not_in_the_catalog_lists_what_is(toy: Toy) -> None:
    toy.idea("one", SMOOTHING)
    with pytest.raises(IdeaError, match=r"'two'.*one"):
        read_catalog(toy.folder / "ideas", ["two"])


def test_a_missing_git_is_said_so(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(toy.folder))
    with pytest.raises(EnvironmentFailure, match="install git"):
        ProgramRepository.create(toy.folder / "program.git", toy.folder / "program", [])


def test_a_git_that_is_killed_refuses_no_idea(
    toy: Toy, imported: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its death says nothing about the patch: the idea must be tried again."""
    repository, baseline = imported
    real = shutil.which("git")
    wrapper = tmp_path / "bin" / "git"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\ncase " $* " in *" apply "*) kill -9 $$;; esac\n{real} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", str(wrapper.parent), prepend=os.pathsep)
    with pytest.raises(EnvironmentFailure, match="signal 9"):
        add(toy, repository, baseline, "sharper", SMOOTHING)


def test_data_and_caches_are_left_out_of_the_program(toy: Toy) -> None:
    program = toy.folder / "program"
    (program / "__pycache__").mkdir()
    (program / "__pycache__" / "x.pyc").write_bytes(b"x")
    (program / "big.bin").write_bytes(b"x")
    folder = toy.folder / "program.git"
    ProgramRepository.create(folder, program, [program / "big.bin"])
    listing = subprocess.run(
        ["git", f"--git-dir={folder}", "ls-tree", "-r", "--name-only", "baseline"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert listing.split() == ["notes.md", "train.py"]


def test_what_gitattributes_ask_for_changes_no_file_of_a_trial(toy: Toy, tmp_path: Path) -> None:
    program = toy.folder / "program"
    (program / "lib").mkdir()
    (program / "lib" / "part.py").write_text("x = '$Id$'\r\n")
    (program / ".gitattributes").write_text("lib export-ignore\n*.py text eol=lf ident\n")
    folder = toy.folder / "program.git"
    repository, baseline = ProgramRepository.create(folder, program, [])
    repository.export(baseline, tmp_path / "tree")
    assert (tmp_path / "tree" / "lib" / "part.py").read_bytes() == b"x = '$Id$'\r\n"
    (program / "new.py").write_text("x = 1\n")
    assert repository.changed_files(baseline, program) == ()
    (program / "lib" / "part.py").write_text("x = 2\n")
    assert repository.changed_files(baseline, program) == ("lib/part.py",)


def test_links_inside_are_kept_and_links_that_lead_out_are_refused(
    toy: Toy, tmp_path: Path
) -> None:
    program = toy.folder / "program"
    (program / "alias.py").symlink_to("train.py")
    folder = toy.folder / "program.git"
    repository, baseline = ProgramRepository.create(folder, program, [])
    repository.export(baseline, tmp_path / "tree")
    assert (tmp_path / "tree" / "alias.py").read_text() == toy.train
    (program / "out").symlink_to(tmp_path)
    with pytest.raises(IdeaError, match="leads out of the program"):
        ProgramRepository.create(toy.folder / "other.git", program, [])


def test_a_link_to_itself_is_refused_unless_it_is_left_out(toy: Toy) -> None:
    program = toy.folder / "program"
    (program / "again").symlink_to("again")
    with pytest.raises(IdeaError, match="leads back to itself"):
        ProgramRepository.create(toy.folder / "program.git", program, [])


def test_a_setting_that_is_not_finite_is_text(tmp_path: Path) -> None:
    file = tmp_path / "odd.patch"
    file.write_text("hypothesis: h\nsource: s\nset: a=NaN\nset: b=1e999\n---\n")
    assert read_proposal(file).parameters == {"a": "NaN", "b": "1e999"}
