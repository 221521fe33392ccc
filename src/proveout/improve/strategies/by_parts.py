"""By parts: take a program apart, improve one part at a time, and put it together again.

One of the improvers found by Zelikman et al. 2023 (arXiv:2310.02304). A part is one top-level
function, or all that stands outside of functions.
"""

import ast
import re

FENCE = "`" * 3
COUNT = 2  # asked for at a time
TEMPERATURE = 0.8


def programs(replies):
    """The last fenced program of each reply that has one."""
    found = [re.findall(rf"^{FENCE}\w*\n(.*?)^{FENCE}", text, re.S | re.M) for text in replies]
    return [blocks[-1] for blocks in found if blocks]


def prompt_for(description, program, part):
    return (
        f"{description}\n\nThis is a program for it:\n\n"
        f"{FENCE}python\n{program.rstrip()}\n{FENCE}\n\n"
        f"Make the following part of it better. Answer with that part alone, whole, in a fence."
        f"\n\n{FENCE}python\n{part.rstrip()}\n{FENCE}\n"
    )


def parts_of(program):
    """Lines of each top-level function, and of what lies between functions: (start, end)."""
    lines, parts, at = program.splitlines(True), [], 0
    for node in ast.parse(program).body:
        if isinstance(node, ast.FunctionDef):
            parts += [(at, node.lineno - 1), (node.lineno - 1, node.end_lineno)]
            at = node.end_lineno
    parts.append((at, len(lines)))
    return [(a, b) for a, b in parts if "".join(lines[a:b]).strip()], lines


def improve(solution, utility, model, budget):
    best, best_score, turn = solution, utility(solution), 0
    while budget.samples > 0 and budget.utility_calls > 0:
        parts, lines = parts_of(best)
        start, end = parts[turn % len(parts)]
        turn += 1
        whole = "".join(lines[start:end])
        prompt, blank = prompt_for(utility.description, best, whole), whole[len(whole.rstrip()) :]
        for part in programs(model(prompt, min(COUNT, budget.samples), TEMPERATURE)):
            candidate = "".join([*lines[:start], part.rstrip() + blank, *lines[end:]])
            if budget.utility_calls < 1:
                break
            score = utility(candidate)
            if score > best_score:
                best, best_score = candidate, score
    return best
