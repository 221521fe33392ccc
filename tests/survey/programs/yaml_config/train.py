import os
import random
import sys

import yaml

cfg = yaml.safe_load(open(sys.argv[1] if len(sys.argv) > 1 else "conf/config.yaml"))
random.seed(cfg["seed"])
os.makedirs(cfg["logging"]["dir"], exist_ok=True)

dim = cfg["model"]["dim"]
x = [random.gauss(0, 1) for _ in range(dim)]
best = sum(v * v for v in x)
log = open(os.path.join(cfg["logging"]["dir"], "log.csv"), "w")
log.write("iteration,loss,lr\n")
for i in range(cfg["trainer"]["max_steps"]):
    lr = cfg["optim"]["lr"]
    new = [v - lr * 2 * v + random.gauss(0, 0.05) for v in x]
    cost = sum(v * v for v in new)
    if cost < best:
        x, best = new, cost
    log.write(f"{i + 1},{best:.5f},{lr}\n")
log.close()
print("done")
print(f"final loss = {best / dim:.5f}")
