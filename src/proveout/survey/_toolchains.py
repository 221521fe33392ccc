"""Where a compiler lies that a person has installed for himself, which no trial sees by itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

_SECONDS = 20.0


class Toolchain(NamedTuple):
    """How a builder is started in a trial."""

    command: str
    environment: tuple[tuple[str, str], ...] = ()
    reads: tuple[str, ...] = ()
    """Folders that trials must be shown."""


def cargo() -> Toolchain:
    """Rust's builder: by its name where the system has it, and by its path where rustup has put it
    into a home."""
    found = shutil.which("cargo")
    if found is None or not Path(found).is_relative_to(Path.home()):
        return Toolchain("cargo")
    asked = ["rustc", "--print", "sysroot"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return Toolchain("cargo")
    root = Path(said.stdout.strip())
    if not (root / "bin" / "cargo").is_file():
        return Toolchain("cargo")
    variables = (("RUSTC", str(root / "bin" / "rustc")),)
    return Toolchain(str(root / "bin" / "cargo"), variables, (str(root),))
