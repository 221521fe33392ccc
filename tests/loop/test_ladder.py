"""Rungs proposed for a program whose best size and whose costs are known by construction."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from proveout.errors import StudyError, UserError
from proveout.loop import Wanted, propose_ladder, run_study, write_ladder
from proveout.runners import InlineRunner
from proveout.study import Study, read_study
from proveout.units import Compute

# The loss is least where log(size) is half of log(flops) - log(125): 4 at 2e3, about 7 at 6.4e3.
PROGRAM = """
import argparse, json, math
p = argparse.ArgumentParser()
p.add_argument("--size", type=float)
p.add_argument("--steps", type=int)
p.add_argument("--seed", type=int)
p.add_argument("--out")
a = p.parse_args()
flops = 10 * a.size * a.steps
off = math.log(a.size) - 0.5 * math.log(flops / 125)
loss = 1 + flops ** -0.2 + 0.05 * off ** 2
with open(a.out + "/metrics.jsonl", "w") as f:
    f.write(json.dumps({"flops": REPORTED, "loss": loss}) + "\\n")
"""

STUDY = """# kept
name = "known"   # this, too
[program]
train = "python train.py --size {size} --steps {steps} --seed {seed} --out {out}"
editable = ["train.py"]
FLOPS
[score]
kind = "reported"
metric = "loss"
key = "loss"
[ladder]
target = "2e6 flops"   # far
target_parameters = { size = 64, steps = 3125 }
[[ladder.rung]]
compute = "2e3 flops"
parameters = { size = 4, steps = 50 }
[budget]
compute = "1e8 flops"
"""


def known(folder: Path, formula: bool) -> Study:
    (folder / "train.py").write_text(PROGRAM.replace("REPORTED", "None" if formula else "flops"))
    line = 'flops = "10 * size * steps"' if formula else ""
    (folder / "study.toml").write_text(STUDY.replace("FLOPS", line))
    return read_study(folder)


@pytest.mark.parametrize("formula", [True, False])
def test_the_best_sizes_are_found_and_spend_what_their_rungs_say(
    tmp_path: Path, formula: bool
) -> None:
    study = known(tmp_path, formula)
    wanted = Wanted(sizes=(1, 2, 4, 8, 16), target=Compute(2e6))
    found = propose_ladder(study, wanted, runner=InlineRunner())
    assert (found.size, found.steps) == ("size", "steps")
    assert found.costs.source == ("formula" if formula else "reported")
    assert found.costs.size_exponent == pytest.approx(1, abs=1e-6)
    assert found.law is not None
    assert found.law.exponent == pytest.approx(0.5, abs=0.05)
    for rung in (*found.rungs, found.target):
        size, steps = rung.parameters["size"], rung.parameters["steps"]
        assert rung.compute.amount == pytest.approx(10 * size * steps, rel=1e-2)  # type: ignore[operator]
        best = (rung.compute.amount / 125) ** 0.5
        assert size == pytest.approx(best, rel=0.35, abs=2.1)
    amounts = [rung.compute.amount for rung in found.rungs]
    assert amounts == sorted(amounts)
    assert found.target.compute.amount == pytest.approx(2e6, rel=0.02)
    arms = 2 * sum(amounts)
    assert found.price == pytest.approx(arms + 4 * found.target.compute.amount)
    assert not (tmp_path / "ledger.sqlite").exists()
    assert "[[ladder.rung]]" in (tmp_path / "study.toml").read_text()
    assert len(read_study(tmp_path).rungs) == 1


def test_writing_keeps_the_rest_and_gives_a_study_that_runs(tmp_path: Path) -> None:
    study = known(tmp_path, formula=True)
    found = propose_ladder(study, Wanted(sizes=(2, 4, 8), rungs=3), runner=InlineRunner())
    write_ladder(study, found)
    text = (tmp_path / "study.toml").read_text()
    assert text.startswith('# kept\nname = "known"   # this, too\n')
    written = read_study(tmp_path)
    assert [rung.parameters for rung in written.rungs] == [rung.parameters for rung in found.rungs]
    run_study(written)
    with pytest.raises(StudyError, match="the study has begun"):
        write_ladder(written, found)


def test_a_begun_study_is_priced_with_the_ideas_that_were_handed_in(
    tmp_path: Path, typed: Any
) -> None:
    known(tmp_path, formula=True)
    text = (tmp_path / "study.toml").read_text().replace("1e8 flops", "1e6 flops")
    setting = "parameters = { note = 0 }\nenvironment = { NOTE = '{note}' }\n[score]"
    (tmp_path / "study.toml").write_text(text.replace("[score]", setting))
    run_study(read_study(tmp_path))
    for name, note in (("one", 1), ("two", 2)):
        done = typed("ideas", "add", tmp_path, name, "--set", f"note={note}", "--hypothesis", "h")
        assert done.returncode == 0, done.stderr
    assert typed("ideas", "withdraw", tmp_path, "two").returncode == 0
    done = typed("ladder", tmp_path, "--sweeps", 0)
    assert "for 1 idea at" in done.stdout


def test_what_cannot_be_told_is_asked_for(tmp_path: Path) -> None:
    study = known(tmp_path, formula=True)
    with pytest.raises(UserError, match=r"no parameter 'depth'; it has: size, steps"):
        propose_ladder(study, Wanted(size="depth"))
    with pytest.raises(UserError, match="must count in flops"):
        propose_ladder(study, Wanted(sweeps=0, target=Compute(3.0, "device-seconds")),
                       runner=InlineRunner())  # fmt: skip
    (tmp_path / "train.py").write_text("raise SystemExit('not today')")
    with pytest.raises(UserError, match=r"failed: crashed.*not today.*init --check"):
        propose_ladder(study, Wanted(), runner=InlineRunner())


def test_time_is_split_into_start_and_steps(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "import sys, time\nsize, steps, seed = map(int, sys.argv[1:])\n"
        "time.sleep(0.3 + 0.0002 * steps * size)\nprint('loss:', 1 / size + 1 / steps)\n"
    )
    text = STUDY.replace("FLOPS", 'out = "out"')
    text = text.replace(
        "python train.py --size {size} --steps {steps} --seed {seed} --out {out}",
        "python train.py {size} {steps} {seed}",
    )
    text = text.replace('key = "loss"', "pattern = 'loss: (\\S+)'")
    for old, new in (("2e6 flops", "9 device-seconds"), ("2e3 flops", "0.1 device-seconds"),
                     ("1e8 flops", "900 device-seconds")):  # fmt: skip
        text = text.replace(old, new)
    (tmp_path / "study.toml").write_text(text.replace("steps = 50", "steps = 500"))
    found = propose_ladder(read_study(tmp_path), Wanted(sweeps=0), runner=InlineRunner())
    assert found.costs.source == "measured"
    assert found.costs.start_seconds == pytest.approx(0.35, abs=0.25)
    assert found.costs.of_step(4) == pytest.approx(0.0008, rel=0.3)
    assert 0.5 < found.costs.size_exponent < 1.5
    assert "no sizes could be compared" not in " ".join(found.notes)


def test_the_command_prints_json_and_prices_the_study(tmp_path: Path) -> None:
    known(tmp_path, formula=True)
    (tmp_path / "ideas").mkdir()
    command = [sys.executable, "-m", "proveout", "ladder", str(tmp_path), "--sweeps", "1", "--json"]
    ran = subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, timeout=120,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    document: dict[str, Any] = json.loads(ran.stdout)
    assert document["sweeps"][0]["inside"]
    assert document["price"] > 0
    assert document["written"] is False
