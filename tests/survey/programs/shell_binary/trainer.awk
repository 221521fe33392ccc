BEGIN {
    srand(seed)
    for (i = 0; i < dim; i++) x[i] = rand() * 4 - 2
    for (s = 1; s <= steps; s++) {
        loss = 0
        for (i = 0; i < dim; i++) {
            x[i] -= rate * (2 * x[i] + (rand() - 0.5))
            loss += x[i] * x[i]
        }
        if (s % 50 == 0) printf "epoch=%d objective=%.6f\n", s, loss / dim
    }
    printf "objective: %.6f\n", loss / dim
}
