"""Simulated annealing: walk from change to change, and go downhill less and less.

Kirkpatrick, Gelatt and Vecchi 1983; one of the improvers found by Zelikman et al. 2023
(arXiv:2310.02304).
"""

import math
import random
import re

FENCE = "`" * 3
WARMTH = 0.05  # a loss of utility that is accepted once in e times, at first
COOLING = 0.9
TEMPERATURE = 0.8  # of the model


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
    luck, warmth = random.Random(0), WARMTH
    now, now_score = solution, utility(solution)
    best, best_score = now, now_score
    while budget.samples > 0 and budget.utility_calls > 0:
        prompt = prompt_for(utility.description, now)
        for candidate in programs(model(prompt, 1, TEMPERATURE)):
            score = utility(candidate)
            if score > best_score:
                best, best_score = candidate, score
            if score >= now_score or luck.random() < math.exp((score - now_score) / warmth):
                now, now_score = candidate, score
            warmth = max(1e-6, warmth * COOLING)
    return best
