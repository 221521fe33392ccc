"""Where a compiler lies that a person has installed for himself, which no trial sees by itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

_SECONDS = 20.0
_OF_THE_SYSTEM = {Path("/usr/bin"), Path("/usr/local/bin"), Path("/bin")}


class Toolchain(NamedTuple):
    """How a builder is started in a trial."""

    command: str
    environment: tuple[tuple[str, str], ...] = ()
    reads: tuple[str, ...] = ()
    """Folders that trials must be shown."""


def cargo() -> Toolchain:
    """Rust's builder: by its name where the system has it, and by its path where rustup has put it
    into a home or elsewhere."""
    found = shutil.which("cargo")
    if found is None or Path(found).parent in _OF_THE_SYSTEM:
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


def go() -> Toolchain:
    """Go's builder: what it has built before stays in the trial, nothing is fetched, and modules
    that were fetched before are read where they lie."""
    variables = [("GOCACHE", "/tmp/go"), ("GOPROXY", "off"), ("GOFLAGS", "-buildvcs=false")]
    asked = ["go", "env", "GOROOT", "GOMODCACHE"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return Toolchain("go", tuple(variables))
    root, modules, *_ = [*said.stdout.splitlines(), "", ""]  # an old one knows no cache of modules
    if modules and Path(modules).is_dir():
        variables.append(("GOMODCACHE", modules))
    reads = tuple(each for each in (root, modules) if each and Path(each).is_dir())
    return Toolchain("go", tuple(variables), reads)


def java() -> Toolchain:
    """Java's compiler, with the folders outside of its own in which its settings lie: Debian links
    them from `/etc`."""
    found = shutil.which("javac")
    if found is None:
        return Toolchain("javac")
    home = Path(found).resolve().parents[1]
    links = [each for each in (home / "conf").rglob("*") if each.is_symlink()]
    folders = {each.resolve().parent for each in links if each.exists()}
    roots = [each for each in folders if not any(other in each.parents for other in folders)
             and not each.is_relative_to(home)]  # fmt: skip
    return Toolchain("javac", (), tuple(sorted(map(str, roots))))
