import random

TRIES = 10  # subsets looked at
LARGEST = 3  # positions in one


def parity(subset, bits):
    return sum(bits[i] for i in subset) % 2


def solve(samples, labels, questions):
    luck = random.Random(1)
    best, most = [], -1
    for _ in range(TRIES):
        subset = luck.sample(range(10), luck.randint(1, LARGEST))
        right = sum(parity(subset, bits) == label for bits, label in zip(samples, labels))
        if right > most:
            best, most = subset, right
    return [parity(best, bits) for bits in questions]
