import random

SWAPS = 8  # tried, one after the other
WORSE = 0.5  # what a swap may cost and still be kept


def cost(flow, distance, preference, places):
    total = 0.0
    for i, at in enumerate(places):
        row, way = flow[i], distance[at]
        total += sum(row[j] * way[to] for j, to in enumerate(places)) - 0.5 * preference[i][at]
    return total


def solve(flow, distance, preference):
    luck = random.Random(3)
    places = list(range(len(flow)))
    now = cost(flow, distance, preference, places)
    for _ in range(SWAPS):
        i, j = luck.sample(range(len(flow)), 2)
        places[i], places[j] = places[j], places[i]
        new = cost(flow, distance, preference, places)
        if new < now + WORSE:
            now = new
        else:
            places[i], places[j] = places[j], places[i]
    return places
