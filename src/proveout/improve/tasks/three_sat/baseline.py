import random

FLIPS = 6  # tried, one after the other
FOCUS = 0.1  # how often a variable of a broken clause is flipped, and not just any
WORSE = 1  # clauses that a flip may break and still be kept


def broken(clauses, values):
    return [c for c in clauses if not any(values[abs(v) - 1] == (v > 0) for v in c)]


def solve(count, clauses):
    luck = random.Random(4)
    values = [luck.randrange(2) for _ in range(count)]
    wrong = broken(clauses, values)
    for _ in range(FLIPS):
        if not wrong:
            break
        if luck.random() < FOCUS:
            at = abs(luck.choice(luck.choice(wrong))) - 1
        else:
            at = luck.randrange(count)
        values[at] = 1 - values[at]
        now = broken(clauses, values)
        if len(now) <= len(wrong) + WORSE:
            wrong = now
        else:
            values[at] = 1 - values[at]
    return values
