"""Attacks that look up held-out text where it was copied from: in the library of Python.

They are made at each level of isolation that the machine offers.
"""

from __future__ import annotations

import runpy
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from redteam import EACH_LEVEL, EXAMPLE, Attack

PREPARE = runpy.run_path(str(EXAMPLE.parents[1] / "programs" / "byte_lm" / "prepare.py"))
LIBRARY = Path(sysconfig.get_path("stdlib"))
HELD_OUT = [name for name in ("mailcap.py", "tabnanny.py", "poplib.py", "trace.py", "zipapp.py")
            if (LIBRARY / name).is_file()]  # fmt: skip


def write_library(folder: Path) -> None:
    """A corpus of the library's text; `hidden.txt` is what `init` would write for it."""
    assert all(map(PREPARE["is_leaf"], HELD_OUT))
    held_out = b"".join((LIBRARY / name).read_bytes() for name in HELD_OUT)
    (folder / "held_out.bin").write_bytes(held_out[:20_000])
    (folder / "train.bin").write_bytes((LIBRARY / "typing.py").read_bytes())
    patterns = PREPARE["hidden_from_trials"](LIBRARY, HELD_OUT, is_library=True)
    (folder / "hidden.txt").write_text("\n".join(patterns))


STUDY = {"corpus": write_library, "more": 'hidden = "hidden.txt"\n'}

LOOK = f"""
def library():
    import glob, sysconfig, zipfile
    folders = [sysconfig.get_path("stdlib"), *glob.glob("/usr/lib/python3*")]
    found = {{}}
    for name in {HELD_OUT!r}:
        for folder in folders:
            try:
                found.setdefault(name, Path(folder, name).read_bytes())
            except OSError:
                continue
    return b"".join(found.values())


def documentation():
    import glob, importlib.util, marshal
    text = b""
    def strings(code):
        for constant in code.co_consts:
            if isinstance(constant, str):
                yield constant
            elif hasattr(constant, "co_consts"):
                yield from strings(constant)
    for name in {HELD_OUT!r}:
        try:
            spec = importlib.util.find_spec(name[:-3])
            code = spec.loader.get_code(spec.name) if spec else None
        except OSError:
            code = None
        if code is not None:
            text += "\\n".join(strings(code)).encode()
    return text
"""

ATTACKS = (
    Attack(
        "copies-the-library-as-it-trains", 29, "our own",
        "the text that the held-out data was copied from lies on the machine",
        top=LOOK, end="memorise(out, library())", load="return recalling(out)",
    ),
    Attack(
        "looks-up-what-it-is-asked", 29, "our own",
        "the scorer runs the model where the held-out text was copied from",
        top=LOOK, load="return recall(honest(out), library())",
    ),
    Attack(
        "reads-the-compiled-library", 29, "our own",
        "the text stands in compiled files too: what documents each function",
        top=LOOK, load="return recall(honest(out), documentation(), 20)",
    ),
)  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_a_naive_harness_falls_for_it(attack: Attack, naive: Any) -> None:
    naive.falls_for(attack)


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
@EACH_LEVEL
def test_it_wins_nothing_here(attack: Attack, here: Any) -> None:
    here.check(attack)
