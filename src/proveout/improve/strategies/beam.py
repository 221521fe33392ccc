"""Beam search: keep a few of the best programs, and ask for changes of each of them in turn.

Lowerre 1976; one of the improvers found by Zelikman et al. 2023 (arXiv:2310.02304).
"""

import re

FENCE = "`" * 3
WIDTH = 3
BRANCHES = 2  # changes of each program a round
TEMPERATURE = 0.8


def programs(replies):
    """The last fenced program of each reply that has one."""
    found = [re.findall(rf"^{FENCE}\w*\n(.*?)^{FENCE}", text, re.S | re.M) for text in replies]
    return [blocks[-1] for blocks in found if blocks]


def prompt_for(description, program):
    return (
        f"{description}\n\nMake this program better at it. Answer with one whole program in a "
        f"fence.\n\n{FENCE}python\n{program.rstrip()}\n{FENCE}\n"
    )


def improve(solution, utility, model, budget):
    beam, seen = [(utility(solution), solution)], {solution}
    while budget.samples > 0 and budget.utility_calls > 0:
        found = []
        for _, program in beam:
            count = min(BRANCHES * WIDTH // len(beam), budget.samples)
            if count < 1:
                break
            prompt = prompt_for(utility.description, program)
            for candidate in programs(model(prompt, count, TEMPERATURE)):
                if candidate not in seen and budget.utility_calls > 0:
                    seen.add(candidate)
                    found.append((utility(candidate), candidate))
        beam = sorted(beam + found, key=lambda each: -each[0])[:WIDTH]
    return beam[0][1]
