"""The reference program: its corpus, its accounts of compute, its artifacts and its ideas."""

import importlib.util
import json
import math
import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

torch = pytest.importorskip("torch")
flop_counter = pytest.importorskip("torch.utils.flop_counter")

PROGRAM = Path(__file__).parents[2] / "programs" / "byte_lm"
PATCHES = sorted((PROGRAM / "ideas").glob("*.patch"))
BUDGET_FLOPS = 2e9
KINDS = {"architecture", "optimisation", "data", "control"}
PREDICTIONS = {"grows", "steady", "fades", "reverses", "nothing", "breaks"}
# These only fail, or only answer after spending more, when asked to train.
MISBEHAVING = {"control-diverges", "control-crashes", "control-over-budget"}


def import_file(path: Path) -> ModuleType:
    """Import one file afresh, under a name of its own."""
    name = f"byte_lm_{abs(hash(str(path)))}"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[name]
    return module


baseline = import_file(PROGRAM / "train.py")
corpus = import_file(PROGRAM / "prepare.py")


def read_patch(path: Path) -> tuple[list[tuple[str, str]], str]:
    """Return the header's keys and values in order, and the diff."""
    header, _, diff = path.read_text().partition("---\n")
    lines = header.replace("\n  ", " ").splitlines()
    return [tuple(line.split(": ", 1)) for line in lines], diff


def patched(slug: str, folder: Path) -> Path:
    """Apply one idea to a copy of the program; return its `train.py`."""
    train = folder / "train.py"
    train.write_text((PROGRAM / "train.py").read_text())
    _, diff = read_patch(PROGRAM / "ideas" / f"{slug}.patch")
    if diff:
        apply = ["git", "apply", "--whitespace=error-all", "-"]
        subprocess.run(apply, input=diff, text=True, cwd=folder, check=True, capture_output=True)
    return train


def flags(slug: str) -> list[str]:
    header, _ = read_patch(PROGRAM / "ideas" / f"{slug}.patch")
    return [f"--{value.strip()}" for key, value in header if key == "set"]


def run(
    module: ModuleType, data: Path, out: Path, *extra: str, seed: int = 0, size: int = 3
) -> int:
    argv = ["--size", size, "--flops", BUDGET_FLOPS, "--seed", seed, "--data", data, "--out", out]
    return module.main([*map(str, argv), *extra])


def curve(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Training bytes with something to learn in them."""
    path = tmp_path_factory.mktemp("data") / "train.bin"
    path.write_bytes((PROGRAM / "train.py").read_bytes())
    return path


@pytest.fixture(scope="module")
def items() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, baseline.CONTEXT), dtype=np.uint8)


# ---------------------------------------------------------------------------------- the corpus


def write_files(folder: Path, texts: dict[str, str]) -> Path:
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def random_lines(rng: np.random.Generator, count: int) -> str:
    letters = rng.integers(97, 123, (count, 40), dtype=np.uint8)
    return "".join(bytes(line).decode() + "\n" for line in letters)


@pytest.fixture
def texts() -> dict[str, str]:
    """Forty files: a licence in each, a block shared by half, and some near-copies."""
    rng = np.random.default_rng(1)
    licence, block = random_lines(rng, 6), random_lines(rng, 10)
    made = {f"a/{i}.txt": licence + random_lines(rng, 250) for i in range(30)}
    made |= {name: text + block for name, text in list(made.items())[::2]}
    return made | {f"b/{i}.txt": made[f"a/{i}.txt"][:9000] + "the end\n" for i in range(10)}


def test_no_window_of_bytes_is_in_both_parts(tmp_path, texts):
    record = corpus.prepare(write_files(tmp_path / "in", texts), tmp_path / "out")
    train, held_out = ((tmp_path / "out" / f"{p}.bin").read_bytes() for p in ("train", "held_out"))
    width = corpus.WINDOW_BYTES
    windows = {held_out[i : i + width] for i in range(len(held_out) - width + 1)}
    assert not any(train[i : i + width] in windows for i in range(len(train) - width + 1))
    assert record["cut_bytes"] > 0
    assert all(name in texts for name in record["dropped_files"])


def test_a_near_copy_of_a_held_out_file_is_dropped_and_named(tmp_path, texts):
    copies = {f"c/{i}.txt": text + "more\n" for i, text in enumerate(texts.values())}
    record = corpus.prepare(write_files(tmp_path / "in", texts | copies), tmp_path / "out")
    assert len(record["dropped_files"]) >= record["held_out_files"]


def test_the_corpus_depends_on_the_files_and_the_seed_only(tmp_path, texts):
    folder = write_files(tmp_path / "in", texts)
    same = [corpus.prepare(folder, tmp_path / f"out{i}", seed=0) for i in range(2)]
    other = corpus.prepare(folder, tmp_path / "other", seed=1)
    assert same[0] == same[1]
    assert other["held_out_sha256"] != same[0]["held_out_sha256"]
    assert json.loads((tmp_path / "out0" / "corpus.json").read_text()) == same[0]


@pytest.mark.parametrize("made", [None, {}, {"one.txt": "short\n", "two.txt": "shorter\n"}])
def test_a_corpus_that_cannot_be_used_is_named_in_one_line(tmp_path, capsys, made):
    folder = tmp_path / "missing" if made is None else write_files(tmp_path, made)
    assert corpus.main(["--corpus", str(folder), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert str(folder) in error
    assert error.count("\n") == 1


def test_all_that_is_held_out_is_listed_to_be_hidden(tmp_path, texts):
    folder = write_files(tmp_path / "in", texts)
    record = corpus.prepare(folder, tmp_path / "out")
    hidden = (tmp_path / "out" / "hidden.txt").read_text().split()
    held_out = (tmp_path / "out" / "held_out.bin").read_text()
    assert len(hidden) == record["held_out_files"] + len(record["dropped_files"])
    holding = [path for path in folder.rglob("*.txt") if path.read_text()[4000:4400] in held_out]
    assert {str(path.resolve()) for path in holding} <= set(hidden)


def test_nothing_else_in_the_library_imports_what_may_be_held_out():
    root = Path(sysconfig.get_path("stdlib"))
    files = corpus.read_files(root, "*.py", corpus.LEFT_OUT)
    leaves = "|".join(sorted(corpus.HELD_OUT_FROM)).encode()
    importing = re.compile(rb"^[ ]*(?:from|import) (?:%s)\b(?! module)" % leaves, re.MULTILINE)
    found = {
        name: importing.findall(text) for name, text in files.items() if not corpus.is_leaf(name)
    }
    assert not {name: lines for name, lines in found.items() if lines}
    held_out = [name for name in files if corpus.is_leaf(name)]
    assert held_out
    hidden = corpus.hidden_from_trials(root, held_out[:1], is_library=True)
    assert f"python[23].*/{held_out[0]}" in hidden


# ---------------------------------------------------------------------------------- the compute


@pytest.mark.parametrize("size", [1, 2, 4, 6, 9])
def test_the_flop_formula_is_what_a_training_step_multiplies(size):
    """Exact with plain attention; a fused kernel may multiply more, to save memory."""
    config = baseline.configure(parse("--size", size))
    model = baseline.Model(config)
    windows = torch.randint(256, (config.batch, baseline.CONTEXT + 1))
    math_backend = torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH)
    with math_backend, flop_counter.FlopCounterMode(display=False) as counter:
        baseline.loss_of(model, windows).backward()
    assert counter.get_total_flops() == baseline.step_flops(model, config)


def parse(*extra):
    needed = ["--flops", "1e9", "--seed", "0", "--data", "x", "--out", "y"]
    return baseline.parse([*needed, *map(str, extra)])


def test_the_budget_is_spent_and_never_exceeded(tmp_path, data):
    assert run(baseline, data, tmp_path) == 0
    points = curve(tmp_path)
    cost = points[-1]["flops"] / points[-1]["step"]
    assert BUDGET_FLOPS - cost < points[-1]["flops"] <= BUDGET_FLOPS
    assert len(points) <= 100
    assert points[0]["loss"] > points[-1]["loss"]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--flops", "10"], "--flops"),
        (["--flops", "nan"], "--flops"),
        (["--size", "0"], "--size"),
        (["--data", "no/such/file"], "no/such/file"),
    ],
)
def test_what_cannot_be_trained_is_said_in_one_line(tmp_path, data, capsys, extra, message):
    assert run(baseline, data, tmp_path / "out", *extra) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


# -------------------------------------------------------------------------------- the artifacts


def test_one_seed_makes_the_same_bytes_and_another_seed_others(tmp_path, data):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert run(baseline, data, tmp_path / name, seed=seed) == 0
    for file in ("model.pt", "metrics.jsonl"):
        a, b, c = ((tmp_path / name / file).read_bytes() for name in "abc")
        assert a == b != c


def test_the_data_order_does_not_depend_on_the_model(data):
    a, b = (baseline.Data(data, seed=3, device="cpu") for _ in range(2))
    torch.manual_seed(4)
    torch.rand(7)
    assert torch.equal(a.sample(4, 64), b.sample(4, 64))


def test_load_gives_the_logits_of_the_trained_model(tmp_path, items):
    config = baseline.configure(parse("--size", 6))
    model = baseline.Model(config)
    baseline.save(model, config, tmp_path)
    logits = baseline.load(str(tmp_path))(items)
    with torch.no_grad():
        expected = model(torch.from_numpy(items).long()).numpy()
    assert logits.dtype == np.float32
    np.testing.assert_array_equal(logits, expected)


def check_predictor(logits_of, items: np.ndarray) -> None:
    """Shape, finite numbers, and no byte that sees a later one."""
    logits = logits_of(items)
    assert logits.shape == (*items.shape, 256)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()
    changed = items.copy()
    changed[:, 40:] ^= 255
    np.testing.assert_allclose(logits_of(changed)[:, :40], logits[:, :40], atol=1e-5)
    assert not np.allclose(logits_of(changed)[:, 40:], logits[:, 40:], atol=1e-5)


# -------------------------------------------------------------------------------------- the ideas


@pytest.mark.parametrize("path", PATCHES, ids=lambda path: path.stem)
def test_an_idea_is_complete_and_its_patch_applies(path, tmp_path):
    header, diff = read_patch(path)
    values = dict(header)
    assert re.fullmatch("[a-z0-9-]+", path.stem)
    assert {"hypothesis", "source", "predicts", "kind"} <= set(values)
    assert values["kind"] in KINDS
    assert values["predicts"].split(" - ")[0] in PREDICTIONS
    assert diff or flags(path.stem)
    assert values["kind"] == "control" or re.search(r"arXiv:\d{4}\.\d{4,5}", values["source"])
    compile(patched(path.stem, tmp_path).read_text(), path.stem, "exec")


@pytest.mark.parametrize("slug", [p.stem for p in PATCHES if p.stem not in MISBEHAVING])
def test_an_idea_trains_within_the_budget_and_predicts(slug, tmp_path, data, items):
    """At a size of two layers, where every idea has something to act on."""
    module = import_file(patched(slug, tmp_path))
    assert run(module, data, tmp_path / "out", *flags(slug), size=6) == 0
    last = curve(tmp_path / "out")[-1]
    assert 0 < last["flops"] <= BUDGET_FLOPS
    assert math.isfinite(last["loss"])
    check_predictor(module.load(str(tmp_path / "out")), items)


def counted_step_flops(module: ModuleType, size: int) -> tuple[int, int]:
    """Return the FLOPs of one step of the model, as multiplied and by the formula."""
    config = module.configure(parse("--size", size))
    model = module.Model(config)
    windows = torch.randint(256, (config.batch, module.CONTEXT + 1))
    math_backend = torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH)
    optimizers = module.make_optimizers(model, config)
    with math_backend, flop_counter.FlopCounterMode(display=False) as counter:
        module.loss_of(model, windows).backward()
        for optimizer in optimizers:
            optimizer.step()
    return counter.get_total_flops(), module.step_flops(model, config)


@pytest.mark.parametrize("slug", ["rotary", "swiglu", "gated-attention", "multi-query", "muon"])
def test_an_idea_that_changes_the_cost_of_a_step_counts_it(slug, tmp_path):
    counted, formula = counted_step_flops(import_file(patched(slug, tmp_path)), size=6)
    assert formula == pytest.approx(counted, rel=1e-3)


def test_distillation_pays_for_its_teacher(tmp_path, data):
    """The small model and its predictions come out of the same budget."""
    module = import_file(patched("distillation", tmp_path))
    assert run(module, data, tmp_path / "out", size=6) == 0
    config = module.configure(parse("--size", 6))
    own = module.step_flops(module.Model(config), config)
    points = curve(tmp_path / "out")
    assert points[-1]["flops"] - points[-2]["flops"] > own


@pytest.mark.parametrize("slug", ["control-comment", "control-rename"])
def test_a_change_of_words_changes_no_bit(slug, tmp_path, data):
    assert run(import_file(patched(slug, tmp_path)), data, tmp_path / "idea") == 0
    assert run(baseline, data, tmp_path / "baseline") == 0
    idea, unchanged = ((tmp_path / n / "model.pt").read_bytes() for n in ("idea", "baseline"))
    assert idea == unchanged


@pytest.mark.parametrize("slug", ["control-refactor", "control-reseed"])
def test_a_change_of_random_numbers_changes_the_result(slug, tmp_path, data):
    assert run(import_file(patched(slug, tmp_path)), data, tmp_path / "idea") == 0
    assert run(baseline, data, tmp_path / "baseline") == 0
    idea, unchanged = (curve(tmp_path / name) for name in ("idea", "baseline"))
    assert [p["flops"] for p in idea] == [p["flops"] for p in unchanged]
    assert [p["loss"] for p in idea] != [p["loss"] for p in unchanged]


def test_a_run_that_diverges_says_so_in_readable_json(tmp_path, data, capsys):
    assert run(import_file(patched("control-diverges", tmp_path)), data, tmp_path / "out") == 1
    last = curve(tmp_path / "out")[-1]
    assert last["loss"] is None
    assert last["event"] == "non-finite loss"
    assert "non-finite" in capsys.readouterr().err
    assert not (tmp_path / "out" / "model.pt").exists()


def test_a_run_that_crashes_leaves_its_curve_behind(tmp_path, data):
    module = import_file(patched("control-crashes", tmp_path))
    with pytest.raises(RuntimeError, match="meant to fail"):
        run(module, data, tmp_path / "out")
    assert 0 < curve(tmp_path / "out")[-1]["flops"] < 0.2 * BUDGET_FLOPS


def test_a_run_over_its_budget_reports_what_it_spent(tmp_path, data):
    assert run(import_file(patched("control-over-budget", tmp_path)), data, tmp_path / "out") == 0
    assert curve(tmp_path / "out")[-1]["flops"] > 2.5 * BUDGET_FLOPS


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("rotary", "squared-relu"),
        ("rotary", "swiglu"),
        ("rotary", "qk-norm"),
        ("rotary", "rmsnorm"),
        ("rotary", "muon"),
        ("token-shift", "token-shift-mlp"),
        ("token-shift", "bigram-embedding"),
    ],
)
def test_winners_merge_and_train_together(ours, theirs, tmp_path, data, items):
    files = []
    for slug in (ours, theirs):
        (tmp_path / slug).mkdir()
        files.append(patched(slug, tmp_path / slug))
    merge = ["git", "merge-file", "-p", files[0], PROGRAM / "train.py", files[1]]
    merged = subprocess.run(merge, capture_output=True, text=True)
    assert merged.returncode == 0, "the two ideas touch the same lines"
    (tmp_path / "train.py").write_text(merged.stdout)
    module = import_file(tmp_path / "train.py")
    assert run(module, data, tmp_path / "out", size=6) == 0
    check_predictor(module.load(str(tmp_path / "out")), items)
