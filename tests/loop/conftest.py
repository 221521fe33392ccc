"""Ideas for the toy study, good and bad, and a study that has been run to its end."""

from __future__ import annotations

from typing import Any

import pytest

SURER = ("FORGET = 0.2", "FORGET = 0.001")
SUREST = ("FORGET = 0.2", "FORGET = 0.0001")
COOLER = ("TEMPERATURE = 1.3", "TEMPERATURE = 1.0")
SHARPER = ("SMOOTHING = 1.0", "SMOOTHING = 0.1")
BLUNTER = ("SMOOTHING = 1.0", "SMOOTHING = 10.0")
COMMENT = ("    np.add.at", "    # Count each pair.\n    np.add.at")
RESEED = ("default_rng(args.seed)", "default_rng(args.seed + 1)")
CRASH = ("    counts = np.full", "    raise RuntimeError('boom')\n    counts = np.full")
GREEDY = ("args.share * args.flops", "3 * args.flops")


@pytest.fixture
def research_toy(toy: Any) -> Any:
    """A toy study with ideas of every kind."""
    toy.idea("surer", SURER)
    toy.idea("surest", SUREST)
    toy.idea("cooler", COOLER)
    toy.idea("sharper", SHARPER)
    toy.idea("blunter", BLUNTER)
    toy.idea("comment", COMMENT)
    toy.idea("reseed", RESEED)
    toy.idea("crash", CRASH)
    toy.idea("greedy", GREEDY)
    half = toy.folder / "ideas" / "half.patch"
    half.write_text("hypothesis: less data\nsource: a test\nset: share=0.5\n---\n")
    broken = toy.folder / "ideas" / "stale.patch"
    broken.write_text(
        "hypothesis: h\nsource: a test\n---\n"
        "--- a/train.py\n+++ b/train.py\n@@ -1 +1 @@\n-no\n+yes\n"
    )
    return toy
