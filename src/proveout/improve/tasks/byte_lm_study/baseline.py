FACTOR = 1.2  # what the learning rate is multiplied with
BATCH = 1.0


def propose(parameters, history, left):
    ideas = [(parameters, 0.0)] + [(idea, gap) for idea, _, _, gap in history if gap is not None]
    best, _ = min(ideas, key=lambda each: each[1])
    rate = best.get("lr_scale", parameters["lr_scale"]) * FACTOR
    batch = best.get("batch_scale", parameters["batch_scale"]) * BATCH
    return {"lr_scale": min(20.0, rate), "batch_scale": min(4.0, max(0.5, batch))}
