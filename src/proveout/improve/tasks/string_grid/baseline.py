import random

TRIES = 3
SWITCH = 0.9  # how often a letter differs from the one before it


def far(text, other):
    between = sum(a != b for a, b in zip(text, other))
    return between + sum(sum(a != b for a, b in zip(each, each[1:])) for each in (text, other))


def draw(luck, length):
    letters = ["A"]
    while len(letters) < length:
        other = "B" if letters[-1] == "A" else "A"
        letters.append(other if luck.random() < SWITCH else letters[-1])
    return "".join(letters)


def solve(text, distance):
    luck = random.Random(2)
    best, least = text, 1000
    for _ in range(TRIES):
        other = draw(luck, len(text))
        missed = abs(far(text, other) - distance)
        if missed < least:
            best, least = other, missed
    return best
