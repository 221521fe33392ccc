"""Best of n: ask for changes of one program, and keep the best of them by utility.

The seed improver of Zelikman et al. 2023 (arXiv:2310.02304), which all others are held against.
With more than one round, each starts from the best so far.
"""

import re

FENCE = "`" * 3
ROUNDS = 1
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
    best, best_score = solution, utility(solution)
    for left in range(ROUNDS, 0, -1):
        count = budget.samples // left
        if count < 1 or budget.utility_calls < 1:
            continue
        replies = model(prompt_for(utility.description, best), count, TEMPERATURE)
        for candidate in programs(replies):
            if budget.utility_calls < 1:
                break
            score = utility(candidate)
            if score > best_score:
                best, best_score = candidate, score
    return best
