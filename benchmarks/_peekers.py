"""Models that look ahead in fifty ways, beside honest ones, and a place to score them at both
tiers.

Each is the `load` of a byte-level bigram model whose table lies in its artifacts: what differs is
what it does with the bytes that follow. They know all that can be known of how they are scored
but the targets of a promotion, which are nowhere in what they get.
"""

from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from proveout.errors import ScoringFailed
from proveout.runners import InlineRunner
from proveout.scoring import Scored, Tier, TierCheck, _language_model, compare_tiers, evaluator_of
from proveout.study import read_study
from proveout.trials import Trial, trial_folder

EXAMPLE = Path(__file__).parents[1] / "examples" / "bigram"
HELD_OUT_BYTES = 60_000

_HEAD = """
import numpy as np
from pathlib import Path

def table_of(out):
    return np.load(Path(out) / "model.npy").astype(np.float64)

def honest(table, x):
    return table[x] / 1.3

def bump(told, x, where, strength):
    # More for the byte that comes next, where it is in the input.
    items, context = x.shape
    told = told.copy()
    i, t = np.nonzero(where[:, :-1])
    told[i, t, x[i, t + 1]] += strength
    return told
"""
_PEEK = (
    _HEAD
    + """
def load(out):
    table = table_of(out)
    state = {{"calls": 0, "items": 0, "seen": {{}}}}
    def predict(x):
        x = np.asarray(x)
        items, context = x.shape
        t = np.arange(context)[None, :] + 0 * x
        told = honest(table, x)
{body}
        state["calls"] += 1
        state["items"] += items
        return told.astype(np.float32)
    return predict
"""
)


def _peek(body: str) -> str:
    return _PEEK.format(body=textwrap.indent(textwrap.dedent(body), " " * 8))


def _where(condition: str, strength: float = 8.0) -> str:
    return _peek(f"told = bump(told, x, {condition}, {strength})")


_MEMORY = """
fresh = bump(told, x, t >= 0, 8.0)
for i in range(items):
    key = x[i, :{length}].tobytes()
    before = state["seen"].get(key)
    if before is None:
        state["seen"][key] = (x[i].copy(), fresh[i])
    else:
        same = int(np.argmin(np.append(before[0] == x[i], False)))
        fresh[i, :same] = before[1][:same]
told = fresh
"""
_NATURAL = """
logs = told - np.log(np.exp(told).sum(axis=2, keepdims=True))
ahead = np.take_along_axis(logs[:, :-1], x[:, 1:, None].astype(int), axis=2)[..., 0]
natural = ahead.mean(axis=1, keepdims=True) > {least}
told = bump(told, x, natural & (t >= 0), 8.0)
"""
_BLEND = """
p = np.exp(told - told.max(axis=2, keepdims=True))
p /= p.sum(axis=2, keepdims=True)
known = np.zeros_like(p)
i, at = np.nonzero(t[:, :-1] >= 0)
known[i, at, x[i, at + 1]] = 1.0
known[:, -1] = p[:, -1]
told = np.log((1 - {share}) * p + {share} * known + 1e-12)
"""
_TWO_AHEAD = """
back = table - np.log(np.exp(table).sum(axis=1, keepdims=True))
for i in range({steps} - 1):
    joint = np.exp(back) @ np.exp(table - np.log(np.exp(table).sum(axis=1, keepdims=True)))
    back = np.log(joint + 1e-12)
told[:, :-{ahead}] += back.T[x[:, {ahead}:]]
"""


def peekers() -> dict[str, str]:
    """Fifty models that look ahead, by name: the text of a program with `load`."""
    found = {}
    for strength in (0.3, 1.0, 3.0, 8.0, 40.0):
        found[f"always, strength {strength:g}"] = _where("t >= 0", strength)
    for one_in in (2, 3, 5, 10, 16):
        chosen = f"((x[:, :1] * 7 + x[:, 1:2] * 13) % {one_in} == 0)"
        found[f"one window in {one_in}"] = _where(f"{chosen} & (t >= 0)")
    for one_in in (2, 4, 8, 16, 31):
        found[f"one position in {one_in}"] = _where(f"t % {one_in} == 1")
    for first in (1, 2, 3):
        found[f"the first {first} batches"] = _where(f"(t >= 0) & (state['calls'] < {first})")
    for first in (40, 64, 100):
        found[f"the first {first} items"] = _where(
            f"(np.arange(items)[:, None] + state['items'] < {first}) & (t >= 0)"
        )
    for length in (1, 2, 4, 6, 8):
        found[f"remembers prefixes of {length}"] = _peek(_MEMORY.format(length=length))
    for least in (-4.6, -4.4, -4.2, -4.0, -3.8):
        found[f"where what follows looks natural ({least})"] = _peek(_NATURAL.format(least=least))
    for share in (0.02, 0.05, 0.1, 0.3, 0.6):
        found[f"blends in {share:g} of the answer"] = _peek(_BLEND.format(share=share))
    for ahead in (2, 3):
        found[f"infers from {ahead} ahead"] = _peek(_TWO_AHEAD.format(ahead=ahead, steps=ahead - 1))
    for name, condition in {
        "late positions": "t >= 24",
        "early positions": "t < 8",
        "the middle": "(t >= 12) & (t < 20)",
        "one position only": "t == 17",
        "after a blank": "x == 32",
        "after a vowel": "np.isin(x, list(b'aeiou'))",
        "before a blank": "np.roll(x, -1, axis=1) == 32",
        "before an e": "np.roll(x, -1, axis=1) == 101",
        "where it is unsure": "told.max(axis=2) < -1.2",
        "where it would be wrong": "np.append(told[:, :-1].argmax(axis=2) != x[:, 1:], "
        "np.zeros((items, 1), bool), axis=1)",
        "even items": "(np.arange(items)[:, None] % 2 == 0) & (t >= 0)",
        "odd batches": "(t >= 0) & (state['calls'] % 2 == 1)",
    }.items():
        found[name] = _where(condition)
    return found


def honest_models() -> dict[str, str]:
    """Causal models of the same kind, better and worse."""
    found = {}
    for temperature in (0.7, 0.9, 1.0, 1.15, 1.3, 1.6, 2.5):
        found[f"temperature {temperature}"] = _peek(f"told = table[x] / {temperature}")
    for share in (0.05, 0.2, 0.5, 0.8):
        before = "np.pad(told, ((0, 0), (1, 0), (0, 0)))[:, :-1]"
        body = f"told = (1 - {share}) * told + {share} * {before}"
        found[f"a look back of {share}"] = _peek(body)
    found["float16"] = _peek("told = told.astype(np.float16).astype(np.float64)")
    return found


@dataclass(frozen=True)
class Found:
    """What both tiers said of one model."""

    screened: bool
    """Whether the search tier refuses it already, by its probes."""
    gain: float
    """Bits per byte better than the baseline on the search part, were it not for the probes."""
    check: TierCheck
    """What the promotion tier says of it, were it not for the probes."""


def _recorder(refusals: list[object]) -> Callable[..., None]:
    """The screen, but what it refuses is only written down."""
    screen = _language_model._check_causal

    def check(told: object, again: object) -> None:
        try:
            screen(told, again)  # type: ignore[arg-type]
        except ScoringFailed as error:
            refusals.append(error)

    return check


class Bench:
    """Scores models of one baseline's artifacts at both tiers, one after the other."""

    def __init__(self, folder: Path, items: int = 128) -> None:
        """Makes the study and trains the baseline in `folder`, which must be new."""
        shutil.copytree(
            EXAMPLE, folder, ignore=shutil.ignore_patterns("*.git", "trials", "ledger*")
        )
        make_text = runpy.run_path(str(EXAMPLE / "corpus.py"))["make_text"]
        text = make_text(seed=1, length_bytes=280_000 + HELD_OUT_BYTES)
        (folder / "train.bin").write_bytes(text[:280_000])
        (folder / "held_out.bin").write_bytes(text[280_000:])
        file = folder / "study.toml"
        file.write_text(file.read_text().replace("items = 64", f"items = {items}"))
        self._study = read_study(folder)
        self._evaluator = evaluator_of(self._study)
        self._trees = folder / "trees"
        self._made = 0
        self._base = self._both(self._train())

    def check(self, program: str) -> Found:
        """A model, with the baseline's table as its artifacts."""
        self._made += 1
        trial = Trial(0, 0, f"model-{self._made}")
        folder = trial_folder(self._study, trial)
        shutil.copytree(trial_folder(self._study, Trial(0, 0, "baseline")).out, folder.out)
        tree = self._tree(trial, program)
        base_search, base_sealed = self._base
        refusals: list[object] = []
        with mock.patch.object(_language_model, "_check_causal", _recorder(refusals)):
            search = self._score(trial, tree, "search")
        gain = base_search.measurement.value - search.measurement.value
        try:
            sealed = self._score(trial, tree, "promotion")
        except ScoringFailed as error:
            why = f"it cannot be scored with its targets withheld: {error}"
            return Found(bool(refusals), gain, TierCheck(False, why, None, None, None))
        check = compare_tiers(search, sealed, base_search, base_sealed)
        return Found(bool(refusals), gain, check)

    def _train(self) -> Trial:
        trial = Trial(0, 0, "baseline")
        folder = trial_folder(self._study, trial)
        folder.out.mkdir(parents=True)
        study = self._study
        script, data = study.folder / "program" / "train.py", study.folder / "train.bin"
        command = [sys.executable, str(script), "--flops", "2e7", "--seed", "1"]
        command += ["--data", str(data), "--out", str(folder.out)]
        subprocess.run(command, check=True)
        return trial

    def _both(self, trial: Trial) -> tuple[Scored, Scored]:
        tree = self._tree(trial, (self._study.folder / "program" / "train.py").read_text())
        return self._score(trial, tree, "search"), self._score(trial, tree, "promotion")

    def _tree(self, trial: Trial, program: str) -> Path:
        tree = self._trees / trial.id
        tree.mkdir(parents=True)
        (tree / "train.py").write_text(program)
        return tree

    def _score(self, trial: Trial, tree: Path, tier: Tier) -> Scored:
        job = self._evaluator.job(trial, tree, None, tier)
        assert job is not None
        with InlineRunner() as runner:
            runner.submit(job)
            (ended,) = runner.poll(None)
        return self._evaluator.measure(trial, ended, ended, tier)
