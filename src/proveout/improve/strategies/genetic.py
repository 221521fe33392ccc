"""Genetic algorithm: breed programs from pairs of good ones.

Holland 1975; with a language model as crossover and mutation at once as in Lehman et al. 2022
(arXiv:2206.08896), and one of the improvers found by Zelikman et al. 2023 (arXiv:2310.02304).
"""

import random
import re

FENCE = "`" * 3
POPULATION = 6
CHILDREN = 3
TOURNAMENT = 2
TEMPERATURE = 0.8


def programs(replies):
    """The last fenced program of each reply that has one."""
    found = [re.findall(rf"^{FENCE}\w*\n(.*?)^{FENCE}", text, re.S | re.M) for text in replies]
    return [blocks[-1] for blocks in found if blocks]


def prompt_for(description, mother, father):
    return (
        f"{description}\n\nCombine what is good in these two programs, and change what is not. "
        f"Answer with one whole program in a fence.\n\n"
        f"{FENCE}python\n{father.rstrip()}\n{FENCE}\n\n"
        f"{FENCE}python\n{mother.rstrip()}\n{FENCE}\n"
    )


def choose(luck, population):
    """The best of a few drawn at random: (score, program)."""
    drawn = [luck.choice(population) for _ in range(TOURNAMENT)]
    return max(drawn, key=lambda each: each[0])


def improve(solution, utility, model, budget):
    luck = random.Random(0)
    population, seen = [(utility(solution), solution)], {solution}
    while budget.samples > 0 and budget.utility_calls > 0:
        mother, father = choose(luck, population)[1], choose(luck, population)[1]
        prompt = prompt_for(utility.description, mother, father)
        for child in programs(model(prompt, min(CHILDREN, budget.samples), TEMPERATURE)):
            if child in seen or budget.utility_calls < 1:
                continue
            seen.add(child)
            population.append((utility(child), child))
        population.sort(key=lambda each: -each[0])
        del population[POPULATION:]
    return population[0][1]
