"""Synthetic studies for the report: made of the events that a real study would record."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

import pytest

from proveout.ideas import BASELINE, Idea
from proveout.ledger import (
    BaselineLaw,
    Decided,
    Entry,
    Event,
    ForecastMade,
    ForecastScored,
    History,
    HistoryBuilder,
    IdeaAdded,
    IdeaRefused,
    MergeRefused,
    StudyEnded,
    StudyOpened,
    TrialFailed,
    TrialScored,
    TrialStarted,
    Verdict,
    VerdictsRead,
)
from proveout.study import Study
from proveout.trials import Failure, FailureKind, Measurement, Trial, Usage, trial_seed

START = 1_750_000_000.0
TOML = 'name = "byte-lm"\n\n[ladder]\ntarget = "1e12 flops"  # above the top rung\n'
LADDER = (1e10, 3e10, 1e11, 3e11)
TARGET = 1e12

EFFECTS: dict[str, tuple[str, tuple[float, ...]]] = {
    "stack-2": ("holds", (-0.18, -0.24, -0.36, -0.37)),
    "rotary": ("holds", (-0.110, -0.144, -0.297, -0.295)),
    "swiglu": ("holds", (-0.088, -0.110, -0.141, -0.098)),
    "half-batch": ("fades", (-0.080, -0.109, -0.081, -0.021)),
    "twice-lr": ("reverses", (-0.057, -0.004, 0.031, 0.050)),
    "long-context-with-a-long-name": ("undecided", (0.01, -0.03)),
    "noop": ("no effect", (0.004, -0.006, 0.003, -0.002)),
    "four-times-lr": ("hurts", (0.02, 0.05, 0.06, 0.176)),
    "cheater": ("rejected", (-0.3,)),
    "typo": ("broken", ()),
}


def make_study(
    name: str = "byte-lm", rungs: tuple[float, ...] = LADDER, score: dict[str, object] | None = None
) -> Study:
    return Study.model_validate(
        {
            "name": name,
            "question": "Which of these ideas still help at 1e12 flops?",
            "program": {
                "train": "python train.py --seed {seed} --out {out}",
                "editable": ["train.py"],
            },
            "score": score
            or {"kind": "language-model", "held_out": "held_out.bin", "serve": "t.py:load"},
            "ladder": {
                "rung": [{"compute": f"{compute:g} flops"} for compute in rungs],
                "target": f"{TARGET:g} flops",
            },
            "budget": {"compute": "2e13 flops"},
        }
    )


def baseline_loss(compute: float) -> float:
    return 1.4 + 2.2 * (compute / 1e10) ** -0.16


class Maker:
    """Writes events one after another, as a controller would."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.builder = HistoryBuilder()
        self.random = random.Random(7)
        self.sequence = 0
        self.at = START
        self.entries: list[Entry] = []

    def say(self, event: Event, seconds: float = 1.0) -> None:
        self.sequence += 1
        self.at += seconds
        self.entries.append(Entry(self.sequence, self.at, event))
        self.builder.add(self.entries[-1])

    def add(self, name: str, kind: str = "idea", **more: object) -> None:
        number = len(self.builder.history().ideas)
        self.say(
            IdeaAdded(
                Idea(
                    name=name,
                    kind=kind,  # type: ignore[arg-type]
                    commit=f"{number:040x}",
                    parent=None if kind == "baseline" else f"{0:040x}",
                    **({"hypothesis": f"{name} trains better", "source": "arXiv 2104.09864",
                        "predicts": "grows", "category": "architecture"} | more),  # type: ignore[arg-type]
                ),
                diff_lines=5,
            )
        )  # fmt: skip

    def start(self, trial: Trial) -> None:
        compute = self.study.rung(trial.rung).compute.amount
        seed = trial_seed(self.study, trial)
        self.say(
            TrialStarted(trial.id, trial.idea, trial.rung, trial.replicate, seed, compute), 0.2
        )

    def usage(self, trial: Trial) -> Usage:
        compute = self.study.rung(trial.rung).compute.amount
        return Usage(compute / 4e10, compute / 4e10, 0.8, 300_000_000, 0, compute)

    def score(self, trial: Trial, gap: float) -> None:
        self.start(trial)
        compute = self.study.rung(trial.rung).compute.amount
        value = baseline_loss(compute) + gap + self.random.gauss(0, 0.015)
        measurement = Measurement(value, "bits_per_byte", "bits/byte", "audited", "A", 16384)
        self.say(TrialScored(trial.id, compute, measurement, self.usage(trial)), 2.0)

    def fail(self, trial: Trial, kind: FailureKind, sentence: str) -> None:
        self.start(trial)
        compute = self.study.rung(trial.rung).compute.amount
        self.say(TrialFailed(trial.id, compute, Failure(kind, sentence), self.usage(trial)), 2.0)

    def history(self) -> History:
        return self.builder.history()


def open_study(study: Study, ideas: Iterator[str] | tuple[str, ...] = ()) -> Maker:
    maker = Maker(study)
    maker.say(StudyOpened(study.name, "0.1.0", 2e13, "flops", TOML, "2 x Example CPU, 8 GB"))
    maker.add(BASELINE, "baseline", hypothesis="", source="", predicts="", category="")
    for name in ideas:
        maker.add(name)
    return maker


def line_of(gaps: tuple[float, ...]) -> tuple[tuple[float, float, float, float], ...]:
    slope = (gaps[-1] - gaps[0]) / max(len(gaps) - 1, 1) * 2
    points = []
    for step in range(25):
        x = 10 + 2 * step / 24
        mean = gaps[0] + slope * (x - 10)
        half = 0.02 + 0.03 * max(0.0, x - 10 - 0.5 * (len(gaps) - 1)) + 0.01 * abs(x - 10.75)
        points.append((10**x, mean, mean - half, mean + half))
    return tuple(points)


def verdict_of(name: str, word: str, gaps: tuple[float, ...], pairs: int = 2) -> Verdict:
    if len(gaps) == 0 or word in {"rejected", "broken"}:
        why = {
            "rejected": "it trained 3.0 times the compute that it was given",
            "broken": "crashed: it exited with code 1: NameError: name 'rms' is not defined",
        }
        return Verdict(name, word, None, None, None, None, None, len(gaps), why.get(word, "?"))
    line = line_of(gaps)
    _, mean, low, high = line[-1]
    factor = math.exp(-mean * 2.4)
    return Verdict(
        idea=name,
        verdict=word,
        gap_at_target=mean,
        interval80=(low, high),
        compute_multiplier=factor,
        multiplier_interval80=(factor * 0.7, None if word == "undecided" else factor * 1.5),
        probability_helps=0.9995 if mean < -0.1 else 0.4,
        rungs=len(gaps),
        why="better at the target with probability 99.9%" if word == "holds" else "not enough yet",
        line=line,
        measured=tuple(
            (compute, gap, 0.015, pairs) for compute, gap in zip(LADDER, gaps, strict=False)
        )[name.startswith("stack") :],
    )


def make_verdicts(trials: int = 80) -> VerdictsRead:
    verdicts = tuple(verdict_of(name, word, gaps) for name, (word, gaps) in EFFECTS.items())
    law = []
    for step in range(25):
        compute = 10 ** (10 + 2 * step / 24)
        mean = baseline_loss(compute)
        law.append((compute, mean, mean - 0.01 - 0.002 * step, mean + 0.01 + 0.002 * step))
    return VerdictsRead(verdicts, trials, BaselineLaw(tuple(law), "L = 1.400 + 87.9 C^-0.160"))


def make_history(study: Study | None = None) -> History:
    """Ten arms over four rungs and the target: failures, a stack, a scored forecast."""
    return tell_history(study).history()


def tell_history(study: Study | None = None) -> Maker:
    """The same with its entries."""
    study = study or make_study()
    singles = tuple(name for name in EFFECTS if not name.startswith("stack"))
    maker = open_study(study, singles)
    maker.say(IdeaRefused("bad-patch", "the patch does not apply: train.py:88"))
    maker.say(Decided("buy", "rung 1 (1e10): every idea starts at the first rung"))
    for rung in range(4):
        for replicate in range(2):
            maker.score(Trial(rung, replicate, BASELINE), 0.0)
            for name in singles:
                gaps = EFFECTS[name][1]
                if rung < len(gaps):
                    maker.score(Trial(rung, replicate, name), gaps[rung])
        maker.say(Decided("buy", f"rung {rung + 2}: 6 of 9 may still matter; set aside: noop"))
    for replicate in range(2):
        maker.fail(Trial(0, replicate, "typo"), "crashed", "it exited with code 1: NameError")
    maker.fail(Trial(2, 0, "long-context-with-a-long-name"), "out of memory",
               "it used 4.3 GB of memory and was ended")  # fmt: skip
    maker.fail(Trial(1, 0, "cheater"), "over budget", "it trained 3.0 times the compute given")
    maker.say(Decided("merge", "does swiglu add to rotary?"))
    maker.add("stack-2", "stack", members=("rotary", "swiglu"), predicts="", source="")
    maker.say(MergeRefused("stack-3", "half-batch", ("train.py",)))
    for rung in range(1, 4):
        for replicate in range(2):
            maker.score(Trial(rung, replicate, "stack-2"), EFFECTS["stack-2"][1][rung])
    maker.say(make_verdicts())
    maker.say(ForecastMade("stack-2", 4, -0.43, 0.05, 8.0, (-0.50, -0.36), (-0.55, -0.31),
                           baseline_loss(TARGET), (2.40, 2.51)))  # fmt: skip
    for replicate in range(2):
        maker.score(Trial(4, replicate, BASELINE), 0.0)
        maker.score(Trial(4, replicate, "stack-2"), -0.41)
    maker.say(ForecastScored("stack-2", 4, -0.41, 0.012, 2.45, 2.04, True, 0.018))
    maker.say(make_verdicts())
    maker.say(StudyEnded("stack-2 is the new baseline: proven at the target"))
    return maker


HOSTILE = (
    "<script>alert(1)</script> [red]x[/red] \x1b[31mansi\x07 \u202eevil\u202c $\\frac{1}$ & \"'"
)


def make_hostile_history(study: Study | None = None) -> History:
    """Every text that can come from a program or an idea is hostile."""
    return tell_hostile_history(study).history()


def tell_hostile_history(study: Study | None = None) -> Maker:
    """The same with its entries."""
    maker = Maker(study or make_study())
    maker.say(StudyOpened(HOSTILE, HOSTILE, 2e13, "flops", f"# {HOSTILE}\n</pre>", HOSTILE))
    maker.add(BASELINE, "baseline", hypothesis=HOSTILE)
    maker.add(HOSTILE, hypothesis=HOSTILE * 40, source=HOSTILE, predicts=HOSTILE, category=HOSTILE,
              parameters={HOSTILE: HOSTILE})  # fmt: skip
    maker.add("x" * 60, hypothesis="long" * 2000, source="javascript:alert(1) https://a.b/<c>")
    maker.say(IdeaRefused(HOSTILE, HOSTILE))
    maker.say(MergeRefused(HOSTILE, HOSTILE, (HOSTILE,)))
    maker.say(Decided(HOSTILE, HOSTILE * 20))
    maker.score(Trial(0, 0, BASELINE), 0.0)
    maker.score(Trial(0, 0, HOSTILE), -0.1)
    maker.fail(Trial(0, 1, HOSTILE), "crashed", HOSTILE * 10)
    verdict = verdict_of(HOSTILE, "holds", (-0.1, -0.1))
    broken = Verdict("x" * 60, "broken", None, None, None, None, None, 0, HOSTILE * 30)
    maker.say(VerdictsRead((verdict, broken), 3, BaselineLaw((), HOSTILE)))
    maker.say(ForecastMade(HOSTILE, 4, -0.1, 0.1, 5.0, (-0.2, 0.0), (-0.3, 0.1),
                           math.nan, (math.nan, math.nan)))  # fmt: skip
    maker.say(StudyEnded(HOSTILE))
    return maker


@pytest.fixture(scope="session")
def study() -> Study:
    return make_study()


@pytest.fixture(scope="session")
def history(study: Study) -> History:
    return make_history(study)


@pytest.fixture(scope="session")
def hostile(study: Study) -> History:
    return make_hostile_history(study)


@pytest.fixture(scope="session")
def diffs() -> dict[str, str]:
    patch = (
        "--- a/train.py\n+++ b/train.py\n@@ -1,3 +1,3 @@\n-x = 1\n+x = 2 if a < b else 3\n same\n"
    )
    return dict.fromkeys(EFFECTS, patch) | {HOSTILE: f"+{HOSTILE}\n" * 50}
