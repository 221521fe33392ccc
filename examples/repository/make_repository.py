"""Makes a git repository with a submodule, and its data, as they would have been cloned.

python examples/repository/make_repository.py
"""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np

_PLAIN = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "somebody",
    "GIT_AUTHOR_EMAIL": "somebody@example.org",
    "GIT_COMMITTER_NAME": "somebody",
    "GIT_COMMITTER_EMAIL": "somebody@example.org",
}


def make_repository(folder: Path) -> None:
    """Writes `program/`, `held_out_x.npy` and `held_out_y.npy` into a folder of this example."""
    program, upstream = folder / "program", folder / "upstream"
    for old in (program, upstream):
        shutil.rmtree(old, ignore_errors=True)
    shutil.copytree(folder / "submodule", upstream)
    _commit(upstream)
    shutil.copytree(folder / "source", program)
    _git(program, "init", "--quiet")
    allowed = ("-c", "protocol.file.allow=always")
    _git(program, *allowed, "submodule", "--quiet", "add", "../upstream", "external/basis")
    _commit(program)
    shutil.rmtree(upstream)
    _write_data(folder, program / "data")


def _commit(folder: Path) -> None:
    _git(folder, "init", "--quiet")
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--message", "As it is")


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, env=os.environ | _PLAIN)


def _write_data(folder: Path, data: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 3000)
    y = np.sign(np.sin(9 * x)) * (0.5 + x**2) + 0.05 * rng.normal(size=len(x))
    data.mkdir()
    np.savez(data / "train.npz", x=x[:2000], y=y[:2000])
    np.save(folder / "held_out_x.npy", x[2000:].astype(np.float32))
    np.save(folder / "held_out_y.npy", y[2000:].astype(np.float32))


if __name__ == "__main__":
    make_repository(Path(__file__).parent)
