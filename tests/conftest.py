"""A toy study that the tests run for real: a bigram model that trains in milliseconds."""

from __future__ import annotations

import os

# Programs are compiled once, not in each process that the tests start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import contextlib
import difflib
import runpy
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# The same cases each time. `--hypothesis-profile=default` looks for new ones.
settings.register_profile("the same", derandomize=True, database=None)
settings.load_profile("the same")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As in a shell's background, which what is started here would inherit and be deaf to Ctrl-C.
    with contextlib.suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGINT, signal.default_int_handler)

EXAMPLE = Path(__file__).parents[1] / "examples" / "bigram"
TRAIN = (EXAMPLE / "program" / "train.py").read_text()
write_corpus = runpy.run_path(str(EXAMPLE / "corpus.py"))["write_corpus"]


@dataclass(frozen=True)
class Toy:
    """A toy study on disk."""

    folder: Path

    @property
    def file(self) -> Path:
        """Its study.toml."""
        return self.folder / "study.toml"

    @property
    def train(self) -> str:
        """The baseline program's text."""
        return TRAIN

    def edit(self, old: str, new: str) -> None:
        """Replaces text in study.toml that must be there once."""
        text = self.file.read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in study.toml"
        self.file.write_text(text.replace(old, new))

    def idea(self, name: str, *edits: tuple[str, str], header: str = "") -> Path:
        """Adds an idea that replaces text in train.py, each exactly once."""
        changed = TRAIN
        for old, new in edits:
            assert changed.count(old) == 1, f"{old!r} stands {changed.count(old)} times"
            changed = changed.replace(old, new)
        return self.idea_from(name, changed, header)

    def idea_from(self, name: str, changed: str, header: str = "", against: str = TRAIN) -> Path:
        """Adds an idea with the given text of train.py."""
        lines = difflib.unified_diff(
            against.splitlines(keepends=True),
            changed.splitlines(keepends=True),
            "a/train.py",
            "b/train.py",
        )
        file = self.folder / "ideas" / f"{name}.patch"
        head = f"hypothesis: {name} helps\nsource: a test\n{header}"
        file.write_text(f"{head}---\n{''.join(lines)}")
        return file


def write_toy(folder: Path) -> Toy:
    """Writes a toy study without ideas into a new folder."""
    (folder / "program").mkdir(parents=True)
    (folder / "program" / "train.py").write_text(TRAIN)
    (folder / "program" / "notes.md").write_text("not editable\n")
    (folder / "ideas").mkdir()
    shutil.copy(EXAMPLE / "study.toml", folder)
    write_corpus(folder)
    return Toy(folder)


@pytest.fixture(scope="session")
def toy_in() -> Callable[[Path], Toy]:
    """`toy_in(folder)`, for fixtures that last longer than a test."""
    return write_toy


@pytest.fixture(scope="session")
def toy_at() -> type[Toy]:
    """`toy_at(folder)`: the toy study that has been copied there."""
    return Toy


@pytest.fixture
def make_toy(tmp_path: Path) -> Callable[..., Toy]:
    """Makes toy studies: `make_toy("name")`."""

    def make(name: str = "toy") -> Toy:
        return write_toy(tmp_path / name)

    return make


@pytest.fixture
def toy(make_toy: Callable[..., Toy]) -> Toy:
    """One toy study without ideas."""
    return make_toy()


@pytest.fixture(scope="session")
def proveout() -> Path:
    """The installed command."""
    command = shutil.which("proveout", path=str(Path(sys.executable).parent))
    assert command, "proveout is not installed beside the interpreter that runs the tests"
    return Path(command)


@pytest.fixture
def typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`typed("status", folder)`: the command line without a process of its own, which would spend
    most of its time on imports. What it prints and its exit code are those of the command."""
    from proveout.cli import main

    def call(*words: object) -> subprocess.CompletedProcess[str]:
        arguments = ["proveout", *map(str, words)]
        monkeypatch.setattr(sys, "argv", arguments)
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        code = int(ended.value.code or 0)
        return subprocess.CompletedProcess(arguments, code, printed.out, printed.err)

    return call


@pytest.fixture(scope="module")
def _browser() -> Iterator[Any]:
    """No longer than a module: Playwright's event loop would be in the way of others' own."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("there is no chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def chromium(_browser: Any) -> Iterator[Any]:
    """A headless browser, without a page; skips where there is none."""
    yield _browser
    for context in _browser.contexts:
        context.close()
