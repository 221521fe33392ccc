"""Tree search: grow a tree of changes where good programs and few visits promise most.

The rule is UCB1 (Auer, Cesa-Bianchi and Fischer 2002) over the nodes of a tree, in the manner of
UCT (Kocsis and Szepesvari 2006); one of the improvers found by Zelikman et al. 2023
(arXiv:2310.02304).
"""

import math
import re

FENCE = "`" * 3
CHILDREN = 2  # asked for at a visit
CURIOSITY = 0.1
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


def promise(node, visits):
    return node["score"] + CURIOSITY * math.sqrt(math.log(visits + 1) / (node["visits"] + 1))


def improve(solution, utility, model, budget):
    tree, seen, visits = [{"score": utility(solution), "program": solution, "visits": 0}], set(), 0
    seen.add(solution)
    while budget.samples > 0 and budget.utility_calls > 0:
        node = max(tree, key=lambda each: promise(each, visits))
        node["visits"] += 1
        visits += 1
        prompt = prompt_for(utility.description, node["program"])
        for child in programs(model(prompt, min(CHILDREN, budget.samples), TEMPERATURE)):
            if child not in seen and budget.utility_calls > 0:
                seen.add(child)
                tree.append({"score": utility(child), "program": child, "visits": 0})
    return max(tree, key=lambda each: each["score"])["program"]
