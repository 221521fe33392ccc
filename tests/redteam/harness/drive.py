"""Trains and scores in one process, as many do: `python drive.py WHAT ARGUMENTS`."""

import sys
import time

what, out = sys.argv[1], sys.argv[sys.argv.index("--out") + 1]
sys.argv = ["train.py", *sys.argv[2:]]

import evaluate  # noqa: E402  (as it lies in the folder)
import train  # noqa: E402

began = time.perf_counter()
train.main()
if what == "accuracy":
    print("accuracy:", evaluate.accuracy(train, out))
elif what == "answers":
    predict = train.load(out)
    began = time.perf_counter()
    predict(evaluate.questions(train)[0])
else:
    print("val_bpb:", evaluate.bits_per_byte(train, out))
print("seconds:", time.perf_counter() - began)
