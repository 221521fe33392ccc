"""Varied temperature: small changes while they help, larger ones when they have ceased to.

One of the improvers found by Zelikman et al. 2023 (arXiv:2310.02304) raised and lowered the
temperature from round to round.
"""

import re

FENCE = "`" * 3
COUNT = 3  # asked for at a time
TEMPERATURES = (0.3, 0.6, 1.0, 1.5)


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
    best, best_score, seen = solution, utility(solution), {solution}
    step = 0
    while budget.samples > 0 and budget.utility_calls > 0:
        helped = False
        prompt = prompt_for(utility.description, best)
        temperature = TEMPERATURES[step % len(TEMPERATURES)]
        for candidate in programs(model(prompt, min(COUNT, budget.samples), temperature)):
            if candidate in seen or budget.utility_calls < 1:
                continue
            seen.add(candidate)
            score = utility(candidate)
            if score > best_score:
                best, best_score, helped = candidate, score, True
        step = 0 if helped else step + 1
    return best
