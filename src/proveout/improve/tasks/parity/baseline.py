POSITIONS = 4  # looked at, from the first on


def solve(samples, labels, questions):
    rows = [[*bits[:POSITIONS], label] for bits, label in zip(samples, labels)]
    pivots = []
    for position in range(min(POSITIONS, len(samples[0]))):
        pivot = next((row for row in rows if row[position]), None)
        if pivot is None:
            continue
        rows = [
            [a ^ b for a, b in zip(row, pivot)] if row[position] else row
            for row in rows
            if row is not pivot
        ]
        pivots.append((position, pivot))
    subset = set()
    for position, pivot in reversed(pivots):
        known = sum(pivot[i] for i in subset) % 2
        if known != pivot[-1]:
            subset.add(position)
    return [sum(bits[i] for i in subset) % 2 for bits in questions]
