import random

MOVES = 10  # tried, one after the other
WORSE = 2  # edges that a move may lose and still be kept


def solve(nodes, edges):
    luck = random.Random(5)
    near = [[] for _ in range(nodes)]
    for a, b in edges:
        near[a].append(b)
        near[b].append(a)
    side = [luck.randrange(2) for _ in range(nodes)]
    for _ in range(MOVES):
        node = luck.randrange(nodes)
        lost = sum(side[other] != side[node] for other in near[node])
        gained = len(near[node]) - lost
        if gained >= lost - WORSE:
            side[node] = 1 - side[node]
    return side
