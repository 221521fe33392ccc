"""Every attack of tests/redteam: what a naive harness believes of it, and what it gets here.

    python benchmarks/redteam.py [FILE ...] [--level A|B|C]

FILE is the name of a file of attacks, `files` or `test_files.py`; all when left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
from pathlib import Path
from typing import Any

from proveout.trials import remove

FOLDER = Path(__file__).parents[1] / "tests" / "redteam"
sys.path.insert(0, str(FOLDER / "harness"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--level", default="", choices=["", "A", "B", "C"])
    asked = parser.parse_args()
    names = [each.removeprefix("test_").removesuffix(".py") for each in asked.files]
    files = [file for file in sorted(FOLDER.glob("test_*.py"))
             if not names or file.stem.removeprefix("test_") in names]  # fmt: skip
    print("| row | attack | a naive harness believes | honest | here |\n|---|---|---|---|---|")
    for file in files:
        module = load(file)
        other = file.stem in {"test_torch", "test_kinds"}  # on programs of their own
        if not other and hasattr(module, "ATTACKS"):
            show(module, asked.level)


def show(module: Any, level: str) -> None:
    """One file's attacks as rows of a table."""
    redteam: Any = sys.modules["redteam"]
    options = getattr(module, "STUDY", {})
    with (
        tempfile.TemporaryDirectory() as scratch,
        redteam.answers(Path(scratch)) as replace,
        redteam.naive_harness() as believe,
    ):
        folder = Path(scratch)
        here = redteam.run_at(
            level, lambda: redteam.Here(folder / "study", module.ATTACKS, replace, **options)
        )
        (honest, *_) = here.came("baseline")
        corpus = options.get("corpus", redteam.write_corpus)
        naive = redteam.Naive(believe, folder / "naive", replace, corpus)
        for attack in module.ATTACKS:
            told, usual = naive.told(attack)
            got = outcome(here, attack, here.came(attack.name), honest)
            print(
                f"| {attack.row or '-'} | {attack.name} | {believed(attack, told)} | "
                f"{believed(attack, usual)} | {here.level}: {got} |",
                flush=True,
            )
        for left in folder.iterdir():
            remove(left)  # one attack leaves folders deeper than Python's own removal goes


def believed(attack: Any, told: dict[str, Any]) -> str:
    """What the naive harness was wrong about, as a word or a number."""
    keys = {
        "score": "score", "lucky score": "score", "not worse": "score", "accuracy": "accuracy",
        "best result": "best", "seconds": "seconds", "survivors": "survivors",
        "many processes": "survivors", "bytes": "bytes", "time limit": "true seconds",
        "harness": "nice", "exit code": "passed",
    }  # fmt: skip
    key = keys.get(attack.believes)
    if key is None:
        return str(attack.believes)
    value = told[key]
    return f"{key} {value:.4g}" if isinstance(value, int | float) else f"{key} {value}"


def outcome(here: Any, attack: Any, came: list[Any], honest: Any) -> str:
    """What it came to in the study."""
    if refusal := here.refusal(attack.name):
        return f"refused: {refusal[:90]}"
    (first, *_) = came
    if first.failure:
        return f"{first.failure.kind}: {first.failure.sentence[:90]}"
    return f"{first.measurement.value:.4f}, the baseline {honest.measurement.value:.4f}"


def load(file: Path) -> Any:
    """A file of attacks as a module."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
