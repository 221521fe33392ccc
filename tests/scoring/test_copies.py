"""Copies of held-out data are found by what is in them, whatever they are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from proveout.scoring import find_copies
from proveout.study import read_study


def test_copies_are_found_under_any_name(toy: Any, tmp_path: Path) -> None:
    held_out = (toy.folder / "held_out.bin").read_bytes()
    shown = tmp_path / "shown"
    (shown / "deep" / "er").mkdir(parents=True)
    noise = np.random.default_rng(0).integers(97, 123, 30_000, dtype=np.uint8).tobytes()
    files = {
        "whole": held_out,
        "deep/er/renamed.md": noise[:2000] + held_out[3000:3500] + noise[2000:4000],
        "deep/large": noise + held_out[:5000] + noise[::-1],
        "a-phrase": noise[:3000] + held_out[:200],
        "of-the-training-data": (toy.folder / "train.bin").read_bytes()[:20_000],
        "noise": noise,
        "hidden": held_out,
        "compiled": b"\0\1\2" + held_out,
    }
    for name, content in files.items():
        (shown / name).write_bytes(content)
    (shown / "link").symlink_to("whole")
    (shown / "gone").symlink_to("nowhere")
    study = read_study(toy.folder)
    found = find_copies(study, [str(shown), str(tmp_path / "nowhere")], [str(shown / "hidden")])
    assert [copy.path for copy in found] == [
        str(shown / name) for name in ("whole", "deep/large", "deep/er/renamed.md")
    ]
    assert found[0].file_bytes == len(held_out)
    assert 4000 < found[1].shared_bytes <= 5000
