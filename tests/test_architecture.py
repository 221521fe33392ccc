"""The rooms and what each may import: this table is the architecture diagram."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1] / "src" / "proveout"

# Every room may import `errors` and `units`. Data flows down; `loop` is where the arrow turns back.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "units": set(),
    "helper": set(),
    "study": set(),
    "ideas": {"study"},
    "trials": {"study", "ideas"},
    "sandbox": set(),
    "survey": {"study", "trials"},
    "runners": {"trials", "sandbox"},
    "scoring": {"study", "trials", "runners"},
    "ledger": {"study", "ideas", "trials"},
    "scaling": set(),
    "points": set(),
    "verdicts": {"study", "ideas", "trials", "ledger", "scaling"},
    "replay": {"verdicts"},
    "interpret": {"trials", "ledger", "verdicts"},
    "improve": {"study", "ideas", "sandbox", "runners", "ledger", "scaling"},
    "report": {"study", "ideas", "trials", "ledger", "verdicts", "interpret", "improve"},
    "trackers": {"study", "ideas", "trials", "ledger", "report"},
}
MAY_IMPORT["loop"] = set(MAY_IMPORT)
MAY_IMPORT["mcp"] = set(MAY_IMPORT)
MAY_IMPORT["web"] = set(MAY_IMPORT)
MAY_IMPORT["cli"] = set(MAY_IMPORT)

CORE = {
    "jinja2", "markupsafe", "matplotlib", "numpy", "pydantic", "pygments", "rich", "scipy",
    "tomlkit", "typer", "yaml",
}  # fmt: skip

EXTRAS = {
    "cmaes", "genai_prices", "httpx2", "mcp", "mlflow", "openai", "optuna", "pydantic_ai",
    "anyio", "starlette", "tensorboardX", "torch", "trackio", "uvicorn", "wandb",
}  # fmt: skip


def files() -> list[Path]:
    return sorted(SOURCES.rglob("*.py"))


def room_of(file: Path) -> str:
    return file.relative_to(SOURCES).parts[0].removesuffix(".py")


def imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{file} has a relative import"
            found.add(node.module)
    return found


def test_a_room_imports_only_what_it_may() -> None:
    refused = []
    for file in files():
        room = room_of(file)
        allowed = MAY_IMPORT.get(room, set()) | {"errors", "units", room}
        for module in imports(file):
            parts = module.split(".")
            if room in {"__init__", "__main__"} or parts[0] != "proveout" or len(parts) == 1:
                continue
            reaches_into = len(parts) > 2 and parts[1] != room
            if parts[1] not in allowed or reaches_into:
                refused.append(f"{file.relative_to(SOURCES)} imports {module}")
    assert refused == []


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_every_room_in_the_table_exists_and_says_what_it_exports(room: str) -> None:
    module = importlib.import_module(f"proveout.{room}")
    if (SOURCES / room).is_dir():
        assert sorted(module.__all__) == sorted(set(module.__all__))
        public = {name for name in vars(module) if not name.startswith("_")}
        submodules = {path.stem for path in (SOURCES / room).iterdir()} - set(module.__all__)
        assert public - submodules == set(module.__all__)


def test_no_room_is_missing_from_the_table() -> None:
    rooms = {room_of(file) for file in files()} - {"__init__", "__main__"}
    assert rooms == set(MAY_IMPORT)


def test_the_design_says_what_each_room_holds() -> None:
    design = (SOURCES.parents[1] / "docs" / "design.md").read_text()
    table = [line.split("|")[1] for line in design.splitlines() if line.startswith("| `")]
    named = {name for cell in table for name in re.findall(r"`(\w+)`", cell)}
    assert set(MAY_IMPORT) <= named


def test_the_core_stands_on_its_declared_dependencies_alone() -> None:
    import sys

    outside = set()
    for file in files():
        outside |= {module.split(".")[0] for module in imports(file)}
    outside -= set(sys.stdlib_module_names) | {"proveout", "__future__"}
    # The launcher warms torch where the program under research has it; nothing needs it. Optuna is
    # imported when two reference policies are asked for, and is an extra; so is what serves pages.
    assert outside - EXTRAS <= CORE


def test_files_stay_short_enough_to_read() -> None:
    lengths = {file: len(file.read_text().splitlines()) for file in files()}
    assert [file for file, lines in lengths.items() if lines > 350] == []
