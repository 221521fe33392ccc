"""A naive harness that has torch loaded already: `python drive_torch.py FOLDER ...`.

Each program is trained and scored in a process forked for it, beside its held-out data; a line says
what it believes of each: the score, and the last loss that the program reported.
"""

import json
import os
import sys
from pathlib import Path

import evaluate
import numpy as np  # noqa: F401  (loaded once, for all)
import torch

ARGUMENTS = ["--size", "2", "--flops", "2e8", "--seed", "5", "--data", "train.bin", "--out", "out"]

torch.set_num_threads(1)
torch.optim.AdamW([torch.nn.Parameter(torch.zeros(2))])  # what the first optimizer imports, too


def believe() -> tuple[float, float]:
    """Trains train.py in the present folder and says what it came to."""
    import train

    assert train.main(ARGUMENTS) == 0
    curve = json.loads(Path("out/metrics.jsonl").read_text().splitlines()[-1])["loss"]
    return evaluate.bits_per_byte(train, "out"), curve


for folder in sys.argv[1:]:
    pid = os.fork()
    if pid == 0:
        os.chdir(folder)
        sys.path.insert(0, folder)
        print(*believe(), flush=True)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
