"""A naive harness that has torch loaded already: `python drive_torch.py WHAT FOLDER ...`.

Each program is trained and scored in a process forked for it, beside its held-out data; what it
believes of each is a line. WHAT is `score`, or `curve`: the last loss that the program reported.
"""

import json
import os
import sys
from pathlib import Path

import evaluate
import numpy as np  # noqa: F401  (loaded once, for all)
import torch

torch.set_num_threads(1)


def believe(what: str) -> float:
    """Trains train.py in the present folder and says what it came to."""
    import train

    arguments = [
        "--size",
        "2",
        "--flops",
        "1e9",
        "--seed",
        "5",
        "--data",
        "train.bin",
        "--out",
        "out",
    ]
    assert train.main(arguments) == 0
    if what == "curve":
        return json.loads(Path("out/metrics.jsonl").read_text().splitlines()[-1])["loss"]
    return evaluate.bits_per_byte(train, "out")


for folder in sys.argv[2:]:
    pid = os.fork()
    if pid == 0:
        os.chdir(folder)
        sys.path.insert(0, folder)
        print(believe(sys.argv[1]), flush=True)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
