"""The seeds that a source writes down, and where one can be put where it has none."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from proveout.survey._constants import place_of

_DRAWN_FROM = {
    "numpy": ("numpy", "sklearn", "scipy", "pandas", "xgboost", "lightgbm", "gym", "gymnasium"),
    "torch": ("torch", "torchvision", "lightning", "pytorch_lightning", "transformers"),
    "random": ("random",),
}
"""By the module whose global generator is drawn from, the modules that draw from it."""
_SEEDS = {
    "numpy": r"random\.seed\(|default_rng\(|RandomState\(|seed_everything|set_seed\(",
    "torch": r"manual_seed|seed_everything|set_seed\(",
    "random": r"random\.seed\(|random\.Random\(|seed_everything|set_seed\(",
}
"""By the module, what shows that a source seeds it."""


def unseeded(text: str) -> list[str]:
    """The modules with a global generator that a source draws from and never seeds."""
    roots = {root for _, found in _imports(text) for root in found}
    return [module for module, users in _DRAWN_FROM.items()
            if roots.intersection(users) and not re.search(_SEEDS[module], text)]  # fmt: skip


def import_line(text: str, modules: Sequence[str]) -> str:
    """The first import at the top of a source, in one line that stands there once, of something
    that draws from one of the modules: a seed may stand behind it. Empty where there is none."""
    wanted = {user for module in modules for user in _DRAWN_FROM[module]}
    lines = text.splitlines()
    for node, roots in _imports(text):
        line = lines[node.lineno - 1]
        plain = node.lineno == node.end_lineno and ";" not in line and "#" not in line
        if wanted.intersection(roots) and plain and lines.count(line) == 1:
            return line
    return ""


def _imports(text: str) -> list[tuple[ast.stmt, set[str]]]:
    """Every import at the top, with the packages that it names."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return []
    found: list[tuple[ast.stmt, set[str]]] = []
    for node in tree.body:
        if isinstance(node, ast.Import):
            found.append((node, {each.name.partition(".")[0] for each in node.names}))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.append((node, {node.module.partition(".")[0]}))
    return found


def seeds_in(text: str, of_all: bool = True) -> list[tuple[str, str]]:
    """Expressions for the seeds that a source writes down, and what goes there with `{seed}`;
    without `of_all` not those of single draws, such as a split's `random_state=42`."""
    found: list[tuple[str, str]] = []
    for match in _SEEDED.finditer(text):
        if not of_all and not _SEEDS_ALL.match(match[0]):
            continue
        line_start = text.rfind("\n", 0, match.start()) + 1
        before = text[line_start : match.start("number")]
        placed = place_of(text, before, r"\d+\b")
        if placed is not None:
            found.append((rf"{placed[0]}\d+\b", f"{placed[1]}{{seed}}"))
    for match in _BY_TIME.finditer(text):
        line_start = text.rfind("\n", 0, match.start()) + 1
        before, chance = text[line_start : match.start("chance")], re.escape(match["chance"])
        placed = place_of(text, before, chance)
        if placed is not None:
            # in Go what is imported must be used
            kept = f" + 0*{match['chance']}" if "time.Now" in match["chance"] else ""
            found.append((f"{placed[0]}{chance}", f"{placed[1]}{{seed}}{kept}"))
    for match in _BY_CHANCE.finditer(text):
        line_start = text.rfind("\n", 0, match.start()) + 1
        placed = place_of(text, text[line_start : match.end() - 1], r"\)")
        if placed is not None:
            found.append((rf"{placed[0]}\)", f"{placed[1]}{{seed}})"))
    return found


_SEEDS_ALL = re.compile(
    r"(?:manual_seed|manual_seed_all|seed|seed_everything|set_seed|set_random_seed|srand|srand48|"
    r"rand\.Seed|NewSource)\s*\("
)
"""What seeds the generator that everything draws from."""
_BY_CHANCE = re.compile(r"\b(?:default_rng|RandomState|random\.Random|srand|new Random)\(\)")
"""Generators that are seeded by chance, since they are given nothing."""


_BY_TIME = re.compile(
    r"\b(?:s?random|srand|srand48|[sS]eed|NewSource|mt19937(?:_64)?\s+\w+)\s*\(\s*"
    r"(?P<chance>(?:\(\s*unsigned(?: int)?\s*\)\s*|int\s*\(\s*)?(?:std::)?(?:time\.)?"
    r"(?:time\s*\(\s*(?:NULL|nullptr|0|)\s*\)|Now\(\)(?:\.UTC\(\))?\.Unix\w*\(\)|\w+\(\))"
    r"\s*(?:\))?)(?=\s*\))"
)
"""Generators that are seeded by the clock or by the machine: `srand(time(NULL))`, `gen(rd())`."""

_DRAWS_IN_C = re.compile(r"(?<!s)\b(?:rand|random)\s*\(\s*\)")
_MAIN_IN_C = re.compile(r"^[^\n]*\bmain\s*\([^)\n]*\)\s*\{", re.M)


def seed_in_main(text: str, beside: Sequence[str]) -> tuple[str, str] | None:
    """An expression for where a C source's `main` begins, and that with its generators seeded; None
    where neither it nor what lies beside it draws from them, or it is seeded already."""
    every = "\n".join([text, *beside])
    begins = _MAIN_IN_C.findall(text)
    if len(begins) != 1 or not _DRAWS_IN_C.search(every) or re.search(r"\bsrand", every):
        return None
    is_cpp = re.search(r"#include\s*<\w+>", text) is not None
    if "stdlib" not in text and is_cpp:
        return None
    declared = "extern void srand(unsigned); " if "stdlib" not in text else ""
    begin = re.escape(begins[0]).replace("\\ ", " ").replace("\\\n", "\n")
    pattern = rf"^{begin}"
    return pattern, f"{begins[0]} {declared}srand({{seed}});"


_SEEDED = re.compile(
    r"(?:\b(?:manual_seed|manual_seed_all|seed|seed_everything|set_seed|default_rng|RandomState|"
    r"PRNGKey|Random|key|rand\.Seed|NewSource|srand|srand48|mt19937|set_random_seed)\s*\(\s*(?:seed\s*=\s*)?|"
    r"\brandom_state\s*=\s*|\b(?:rng_)?(?:seed|state)\s*=\s*)(?P<number>\d+)\b(?!\.)"
)
