"""A bandit over prompts: learn which way of asking brings improvements, and ask that way.

Thompson sampling (Thompson 1933) with a beta prior for each arm; one of the improvers found by
Zelikman et al. 2023 (arXiv:2310.02304) was a bandit over prompts. A model that reads no prose
makes all arms alike.
"""

import random
import re

FENCE = "`" * 3
COUNT = 2  # asked for at a pull
TEMPERATURE = 0.8
ARMS = (
    "Make this program better at it.",
    "Tune the numbers of this program, one at a time.",
    "Name the weakest step of this program, and replace it by a known better method.",
    "Make this program faster, and use the time that is won to search longer.",
    "Find the mistake in this program, and mend it.",
)


def programs(replies):
    """The last fenced program of each reply that has one."""
    found = [re.findall(rf"^{FENCE}\w*\n(.*?)^{FENCE}", text, re.S | re.M) for text in replies]
    return [blocks[-1] for blocks in found if blocks]


def prompt_for(description, instruction, program):
    return (
        f"{description}\n\n{instruction} Answer with one whole program in a fence.\n\n"
        f"{FENCE}python\n{program.rstrip()}\n{FENCE}\n"
    )


def improve(solution, utility, model, budget):
    luck, wins, losses = random.Random(0), [1] * len(ARMS), [1] * len(ARMS)
    best, best_score, seen = solution, utility(solution), {solution}
    while budget.samples > 0 and budget.utility_calls > 0:
        drawn = [luck.betavariate(wins[i], losses[i]) for i in range(len(ARMS))]
        arm = drawn.index(max(drawn))
        prompt = prompt_for(utility.description, ARMS[arm], best)
        for candidate in programs(model(prompt, min(COUNT, budget.samples), TEMPERATURE)):
            if candidate in seen or budget.utility_calls < 1:
                continue
            seen.add(candidate)
            score = utility(candidate)
            if score > best_score:
                best, best_score = candidate, score
                wins[arm] += 1
            else:
                losses[arm] += 1
    return best
