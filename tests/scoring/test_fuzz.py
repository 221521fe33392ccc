"""Whatever a program leaves or a score server replies: never a crash, a hang, or a false score.

`PROVEOUT_FUZZ_CASES` is how many cases each test tries; `benchmarks/fuzz.py` sets it high.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from proveout.errors import ScoringFailed
from proveout.ledger import Ledger
from proveout.scoring import Evaluator, evaluator_of, items_file, kept_items
from proveout.study import Study
from proveout.trials import (
    Exit,
    Measurement,
    Trial,
    folder_bytes,
    quote,
    quote_numbers,
    read_curve,
    remove,
    tail,
    trial_folder,
)

CASES = int(os.environ.get("PROVEOUT_FUZZ_CASES", "40"))
TRIAL = Trial(rung=0, replicate=0, idea="baseline")
WELL = Exit("x", "itself", 0, None, 1.0, 1.0, 1, 0)
MEASURED = Measurement(2.5, "m", "m", "audited", "E", 64)

fuzz = settings(
    max_examples=CASES, deadline=None, print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow,
                           HealthCheck.data_too_large],
)  # fmt: skip

ODD_NUMBERS = st.sampled_from(
    [0.0, -0.0, 1.0, math.nan, math.inf, -math.inf, 3.4e38, -3.4e38, 1e-45, 1e308, -1e308]
)
NUMBERS = ODD_NUMBERS | st.floats(width=32)
SCALARS = st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats()
KEYS = st.text(max_size=8)
JSON_VALUES = st.recursive(
    SCALARS | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def score_of(evaluator: Evaluator, tier: Any = "search") -> float | None:
    """The value, or None where it was refused; anything else is a crash."""
    try:
        return evaluator.measure(TRIAL, WELL, WELL, tier).measurement.value
    except ScoringFailed as error:
        assert str(error)
        assert len(str(error)) < 2000
        return None


def put(file: Path, what: Any, content: bytes) -> None:
    """Leaves a file, or something that is none, where a reply is looked for."""
    remove(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    match what:
        case "file":
            file.write_bytes(content)
        case "folder":
            file.mkdir()
        case "pipe":
            os.mkfifo(file)
        case "link":
            other = file.with_name("elsewhere")
            other.write_bytes(content)
            file.symlink_to(other)
        case "loop":
            file.symlink_to(file)


NOT_FILES = st.sampled_from(["folder", "pipe", "link", "loop"])


@pytest.fixture(scope="module")
def language_model(tmp_path_factory: pytest.TempPathFactory) -> Evaluator:
    folder = tmp_path_factory.mktemp("fuzzed")
    (folder / "held_out.bin").write_bytes(np.random.default_rng(0).bytes(4000))
    study = Study.model_validate(
        {
            "program": {"train": "x --seed {seed} --out {out}", "editable": ["x"]},
            "score": {"kind": "language-model", "held_out": "held_out.bin", "serve": "x.py:load",
                      "context": 6, "items": 8, "sealed_items": 64},
            "ladder": {"target": "1e7 flops", "rung": [{"compute": "1e6 flops"}]},
            "budget": {"compute": "1e9 flops"},
            "folder": folder,
        }
    )  # fmt: skip
    return evaluator_of(study)


def asked_items(evaluator: Evaluator, tier: Any) -> int:
    (evaluator._study.folder / "tree").mkdir(exist_ok=True)
    evaluator.job(TRIAL, evaluator._study.folder / "tree", None, tier)
    return len(np.load(evaluator.scratch(TRIAL, tier) / "inputs.npy"))


@fuzz
@given(
    tier=st.sampled_from(["search", "promotion"]), what=NOT_FILES, content=st.binary(max_size=99)
)
def test_a_reply_that_is_no_file_is_never_accepted(
    language_model: Evaluator, tier: str, what: str, content: bytes
) -> None:
    asked_items(language_model, tier)
    put(language_model.scratch(TRIAL, tier) / "reply", what, content)  # type: ignore[arg-type]
    assert score_of(language_model, tier) is None


@fuzz
@given(tier=st.sampled_from(["search", "promotion"]), off=st.integers(-3000, 3000), data=st.data())
def test_a_reply_of_another_size_is_never_accepted(
    language_model: Evaluator, tier: str, off: int, data: st.DataObject
) -> None:
    items = asked_items(language_model, tier)
    size = items * 256 * 4 * (6 if tier == "search" else 1)
    content = bytes(max(0, size + (off or 1)))
    put(language_model.scratch(TRIAL, tier) / "reply", "file", content)  # type: ignore[arg-type]
    assert score_of(language_model, tier) is None


@fuzz
@given(
    tier=st.sampled_from(["search", "promotion"]),
    numbers=st.lists(NUMBERS, min_size=1, max_size=9),
    seed=st.integers(0, 2**32 - 1),
    share=st.floats(0, 1),
)
@example(tier="search", numbers=[3.4e38, -3.4e38], seed=0, share=1.0)
def test_odd_logits_never_beat_a_guess(
    language_model: Evaluator, tier: str, numbers: list[float], seed: int, share: float
) -> None:
    """Logits that know nothing of the text: refused, or no better than chance allows."""
    items = asked_items(language_model, tier)
    shape = (items, 6, 256) if tier == "search" else (items, 256)
    rng = np.random.default_rng(seed)
    with np.errstate(over="ignore"):
        odd = np.array(numbers, dtype=np.float64).astype("<f4")
    logits = np.where(rng.random(shape) < share, rng.choice(odd, shape), np.float32(0))
    put(language_model.scratch(TRIAL, tier) / "reply", "file", logits.astype("<f4").tobytes())  # type: ignore[arg-type]
    value = score_of(language_model, tier)
    assert value is None or 7.0 < value <= 10.0
    if not np.isfinite(logits).all():
        assert value is None


@fuzz
@given(content=st.binary(max_size=4096), tier=st.sampled_from(["search", "promotion"]))
def test_bytes_are_never_taken_for_logits(
    language_model: Evaluator, content: bytes, tier: str
) -> None:
    items = asked_items(language_model, tier)
    size = items * 256 * 4 * (6 if tier == "search" else 1)
    whole = (content or b"x") * (1 + size // max(1, len(content)))
    put(language_model.scratch(TRIAL, tier) / "reply", "file", whole[:size])  # type: ignore[arg-type]
    value = score_of(language_model, tier)
    assert value is None or 7.0 < value <= 10.0


@pytest.fixture(params=["accuracy", "log_loss", "r2"])
def predictions(request: Any, classifier: Any) -> Evaluator:
    score = {
        "accuracy": 'metric = "accuracy"\nreturns = "logits"\nshape = [3]\n',
        "log_loss": 'metric = "log_loss"\nreturns = "probabilities"\nshape = [3]\n',
        "r2": 'metric = "r2"\nreturns = "values"\nshape = []\ndtype = "float64"\n',
    }[request.param]
    where = 'kind = "predictions"\ninputs = "held_out/x.npy"\ntargets = "held_out/y.npy"\n'
    return evaluator_of(classifier("predictions", score=f'{where}serve = "train.py:load"\n{score}'))


@fuzz
@given(
    numbers=st.lists(NUMBERS | st.floats(), min_size=1, max_size=6),
    seed=st.integers(0, 2**32 - 1),
    cut=st.sampled_from([0, 0, 0, 1, -8]),
    tier=st.sampled_from(["search", "promotion"]),
)
def test_odd_predictions_are_refused_or_worth_what_they_are(
    predictions: Evaluator, numbers: list[float], seed: int, cut: int, tier: str
) -> None:
    study = predictions._study
    scratch = predictions.scratch(TRIAL, tier)  # type: ignore[arg-type]
    scratch.mkdir(parents=True, exist_ok=True)
    score: Any = study.score
    with np.errstate(over="ignore"):
        odd = np.array(numbers, dtype=np.float64).astype(score.dtype)
    told = np.random.default_rng(seed).choice(odd, (1500, *score.shape))
    content = told.tobytes() + b"x" * max(0, cut)
    put(scratch / "reply", "file", content[: len(content) + min(0, cut)])
    value = score_of(predictions, tier)
    low, high = score.bounds
    assert value is None or low <= value <= high
    if cut or not np.isfinite(told).all():
        assert value is None
    if value is not None and score.metric == "accuracy":
        assert value < 0.7
    if value is not None and score.metric == "log_loss":
        assert value > 0.8
    if value is not None and score.metric == "r2":
        assert value < 0.5


@fuzz
@given(
    what=st.sampled_from(["file"] * 6) | NOT_FILES,
    content=st.binary(max_size=200) | st.builds(
        lambda value: json.dumps(value).encode(), JSON_VALUES | st.fixed_dictionaries(
            {"held_out": st.fixed_dictionaries({"accuracy": JSON_VALUES}) | JSON_VALUES}
        )
    ),
)  # fmt: skip
def test_a_score_file_is_a_number_in_range_or_nothing(
    classifier: Any, tmp_path: Path, what: str, content: bytes
) -> None:
    remove(tmp_path / "study")
    evaluator = evaluator_of(classifier("command"))
    put(evaluator.scratch(TRIAL) / "score.json", what, content)
    value = score_of(evaluator)
    assert value is None or 0 <= value <= 1
    if what != "file":
        assert value is None


LINES = st.lists(
    st.binary(max_size=60)
    | st.builds(
        lambda value: json.dumps({"own": value, "flops": 1, "loss": value}).encode(), JSON_VALUES
    )
    | st.sampled_from([b'{"own": NaN}', b'{"own": 1e999}', b"[" * 3000, b'{"own"' + b":{" * 500]),
    max_size=8,
)


@fuzz
@given(what=st.sampled_from(["file"] * 6) | NOT_FILES, lines=LINES)
def test_a_metrics_file_is_a_number_in_range_or_nothing(
    classifier: Any, tmp_path: Path, what: str, lines: list[bytes]
) -> None:
    remove(tmp_path / "study")
    evaluator = evaluator_of(classifier("reported"))
    file = trial_folder(evaluator._study, TRIAL).metrics
    put(file, what, b"\n".join(lines))
    value = score_of(evaluator)
    assert value is None or 0 <= value <= 1
    curve = read_curve(file)
    assert len(curve.compute) == len(curve.loss)
    assert all(math.isfinite(each) for each in curve.compute)
    assert all(each is None or math.isfinite(each) for each in curve.loss)
    if what != "file":
        assert value is None


@fuzz
@given(content=st.binary(max_size=2000), flip=st.integers(0, 10**6))
def test_kept_items_that_were_spoiled_are_gone(
    language_model: Evaluator, content: bytes, flip: int
) -> None:
    file = items_file(language_model._study, TRIAL)
    file.parent.mkdir(parents=True, exist_ok=True)
    remove(file)
    np.savez(file, without=np.arange(4.0))
    whole = bytearray(file.read_bytes())
    whole[flip % len(whole)] ^= 1 + flip % 255
    for spoiled in (content, bytes(whole)):
        file.write_bytes(spoiled)
        kept = kept_items(language_model._study, TRIAL, MEASURED)
        assert kept is None or kept.without.ndim <= 1


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1,
                max_size=20).filter(lambda name: name not in {".", ".."})  # fmt: skip


@fuzz
@given(
    entries=st.dictionaries(NAMES, st.sampled_from(["file", "folder", "pipe", "link", "loop"]),
                            max_size=6),
    content=st.binary(max_size=300),
)  # fmt: skip
def test_artifacts_of_every_kind_are_counted_and_removed(
    tmp_path: Path, entries: dict[str, str], content: bytes
) -> None:
    study = Study.model_construct(folder=tmp_path / "s")
    folder = trial_folder(study, TRIAL)
    shutil.rmtree(tmp_path / "s", ignore_errors=True)
    folder.out.mkdir(parents=True)
    for name, what in entries.items():
        try:
            put(folder.out / name, what, content)
        except OSError:
            continue
    assert folder_bytes(folder.out) >= 0
    folder.clear_artifacts()
    assert {each.name for each in folder.out.iterdir()} <= {"metrics.jsonl"}


@fuzz
@given(text=st.text() | st.binary(max_size=400).map(lambda b: b.decode(errors="replace")),
       numbers=st.dictionaries(st.text(max_size=9), JSON_VALUES, max_size=5))  # fmt: skip
def test_a_quote_is_one_line_of_printable_data(
    tmp_path: Path, text: str, numbers: dict[str, Any]
) -> None:
    for line in (quote("log", text, 300), quote_numbers("metrics", numbers)):
        assert line.isascii()
        assert line.isprintable()
        assert json.loads(line)["untrusted"] in {"log", "metrics"}
    quoted = json.loads(quote("log", text, 300))
    assert sum(map(len, quoted["lines"])) <= 4 * 300
    assert quoted["left_out_characters"] == max(0, len(text) - 300)
    for number in json.loads(quote_numbers("metrics", numbers))["numbers"].values():
        assert math.isfinite(number)
    (tmp_path / "log").write_bytes(text.encode(errors="replace"))
    assert isinstance(tail(tmp_path / "log"), str)
    with Ledger(tmp_path):  # what is recorded of it can always be written
        json.dumps(clean_of(text), allow_nan=False)


def clean_of(text: str) -> str:
    from proveout.trials import clean

    return clean(text, 100)
