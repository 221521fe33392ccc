"""The styles in which programs keep their settings, as people write them: what a look finds."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from proveout.errors import UserError
from proveout.loop import ScoreWish, adopt_program, modules_to_preload, prove_study
from proveout.runners import usable_cores
from proveout.study import read_study
from proveout.survey import (
    Plan,
    Reported,
    Wishes,
    apply_wishes,
    editable_of,
    less_work,
    name_in,
    plan_study,
    reported,
    survey,
)
from proveout.survey._constants import source_constants
from proveout.survey._endless import endless_loop
from proveout.survey._seeds import seeds_in
from proveout.trials import Trial, trial_seed

LOOP = "for {v} in range({n}):\n    a = {v}\n    b = a\n    loss = b\n    print('loss', loss)\n"

# Files, what starts it, and the parameters that the smallest rung has.
STYLES: dict[str, tuple[dict[str, str], str, dict[str, object]]] = {
    "a class in another file": (
        {"config.py": "class Config:\n    epochs = 32  # passes\n    hidden_dim = 64\n    lr = 1\n",
         "train.py": "from config import Config\nif __name__ == '__main__':\n    print(Config)\n"},
        "python train.py", {"epochs": 2, "hidden_dim": 16}),
    "a name with a space": (
        {"my train.py": "import argparse\np = argparse.ArgumentParser()\n"
                        "p.add_argument('--steps', type=int, default=160)\n"
                        "p.add_argument('--out', default='my model.pt')\np.parse_args()\n"},
        "python 'my train.py' --steps {steps} --out '{out}/my model.pt'", {"steps": 10}),
    "a dictionary": (
        {"mlp.py": "config = {\n    'n_epochs': 48,\n    'lr': 0.1,\n}\nprint(config)\n"},
        "python mlp.py", {"n_epochs": 3}),
    "a function's defaults": (
        {"exp.py": "def train(width=32, num_steps=1600):\n    pass\nif __name__ == '__main__':\n"
                   "    train()\n"},
        "python exp.py", {"width": 8, "num_steps": 100}),
    "a library's arguments": (
        {"fit.py": "m = Forest(n_estimators=80, max_depth=4)\nm.fit()\n"},
        "python fit.py", {"n_estimators": 20}),
    "the bound of a loop": (
        {"run.py": LOOP.format(v="epoch", n=160)}, "python run.py", {"epochs": 10}),
    "a loop that begins at one": (
        {"run.py": LOOP.format(v="k", n="1, 11")}, "python run.py", {"ks": 2}),
    "names put together": (
        {"main.py": "from absl import flags as f\nf.DEFINE_integer('num_train_steps', 160, '')\n"
                    "f.DEFINE_integer('hidden_units', 16, '')\napp.run(print)\n"},
        "python main.py --num_train_steps", {"num_train_steps": 10, "hidden_units": 4}),
    "a source layout": (
        {"src/net/__init__.py": "", "src/net/__main__.py": "from net.cli import app\napp()\n",
         "src/net/cli.py": "import typer\napp = typer.Typer()\n@app.command()\n"
                           "def train(n_steps: int = 160, out: str = 'o'): pass\n"},
        "python -m net --n-steps {n_steps} --out {out}", {"n_steps": 10}),
    "fire with a class": (
        {"run.py": "import fire\nclass T:\n    def __init__(self, dim=8): pass\n"
                   "    def train(self, iters=160): pass\nfire.Fire(T)\n"},
        "python run.py train --dim {dim} --iters {iters}", {"iters": 10, "dim": 2}),
    "a loop without an end": (
        {"main.py": "import argparse\np = argparse.ArgumentParser()\n"
                    "p.add_argument('--work-dir', '-o', default='out')\n"
                    "p.add_argument('--n-embd', type=int, default=32)\np.parse_args()\n"
                    "def cycle(rows):\n    while True:\n        yield from rows\n"
                    "EVERY = 50\nstep = 0\nwhile True:\n    if step % EVERY == 0:\n"
                    "        print(step)\n    step += 1\n",
         "README.md": "```\n$ python main.py -o names\n```\n"},
        "python main.py --work-dir {out} --n-embd {n_embd}", {"n_embd": 8, "loop_steps": 51}),
    "a count that a result ends": (
        {"main.py": "from itertools import count\nfor i in count(1):\n    loss = 9 / i\n"
                    "    if loss < 1e-3:\n        break\n"},
        "python main.py", {"loop_steps": 100}),
    "a table of choices": (
        {"main.py": "sizes = {'big': dict(n_embd=768), 'small': dict(n_embd=48)}\n"
                    "config = {'lr': 0.1}\n" + LOOP.format(v="step", n=160)},
        "python main.py", {"steps": 10}),
    "a loop beside a size": (
        {"main.py": "hidden_size = 32\n" + LOOP.format(v="t", n=160)},
        "python main.py", {"hidden_size": 8, "ts": 10}),
    "C with a Makefile": (
        {"net.c": "#define HIDDEN 32\n#define MAX_STEPS 160\nint main(void) { return 0; }\n",
         "Makefile": "net: net.c\n\tcc net.c -o net\n"},
        "sh -c 'make -s net && exec ./net'", {"HIDDEN": 8, "MAX_STEPS": 10}),
    "Java in a package": (
        {"src/net/Main.java": "package net;\npublic class Main {\n"
                              "  static final int MAX_GENERATIONS = 160;\n"
                              "  public static void main(String[] args) { new Random(); }\n}\n",
         "src/net/Net.java": "package net;\nclass Net {}\n"},
        "sh -c 'javac -d . src/net/Main.java src/net/Net.java && exec java -cp . net.Main'",
        {"MAX_GENERATIONS": 10}),
    "Go in a module": (
        {"go.mod": "module example.com/net\n", "cmd/net/layers.go": "package main\n",
         "cmd/net/net.go": "package main\nvar steps int\n"
                           "var hidden = flag.Int(\"hidden\", 32, \"units\")\n"
                           "func init() { flag.IntVar(&steps, \"max-steps\", 1_600, \"\") }\n"
                           "func main() { flag.Parse() }\n"},
        "sh -c 'go build -o ./net.bin ./cmd/net && exec ./net.bin \"$@\"' net "
        "--hidden={hidden} --max-steps={max_steps}", {"hidden": 8, "max_steps": 100}),
    "C in several files": (
        {"digits.c": "int net(int);\nint main(void) {\n const int EPOCHS = 16;\n f(EPOCHS);}\n",
         "net.c": "int net(int x) { return x; }\n", "test.c": "int main(void) { return 0; }\n"},
        "sh -c 'cc -O2 -o digits digits.c net.c -lm && exec ./digits'", {"EPOCHS": 1}),
    "C with arguments, in a script": (
        {"w2v.c": "int main(int argc, char **argv) { f(\"-size\"); f(\"-iter\"); }\n",
         "demo.sh": "cc w2v.c\ntime ./w2v -train text -size 80 -iter 16 -output v.bin\n"},
        "sh -c 'cc -O2 -o w2v w2v.c -lm && exec ./w2v \"$@\"' w2v -size {size} -iter {iter}",
        {"size": 20, "iter": 1}),
    "words by position": (
        {"train.pl": "# usage: train.pl STEPS RATE SEED\nmy ($n) = @ARGV;\n",
         "README.md": "Run it: `perl train.pl 1600 0.1 7`.\n"},
        "perl train.pl {steps} {rate} {seed}", {"steps": 100}),
    "hydra with a group": (
        {"train.py": "import hydra\n@hydra.main(config_path='conf', config_name='c')\n"
                     "def f(c): pass\nf()\n",
         "conf/c.yaml": "defaults:\n  - model: small\nepochs: 16\n",
         "conf/model/small.yaml": "dim: 8\n"},
        "python train.py hydra.run.dir={out}", {"epochs": 1, "model_dim": 2}),
    "a file of settings in the command": (
        {"train.py": "max_iters = 1600000\nlr = 1.0\nexec(open('configurator.py').read())\n",
         "config/small.py": "max_iters = 160\n",
         "README.md": "```\n$ python train.py config/small.py --lr=0.5\n```\n"},
        "python train.py config/small.py --max_iters={max_iters} --lr={lr}", {"max_iters": 10}),
    "names that share a line": (
        {"train.py": "width, depth, lr = 32, 1, 0.5\nmax_iters = 160; seed = 3\n"
                     "print(width, lr, max_iters)\n"},
        "python train.py", {"width": 8, "max_iters": 10}),
    "options that a loop makes of fields": (
        {"args.py": "from dataclasses import dataclass, fields\n@dataclass\nclass A:\n"
                    "    hidden_size: int = 64\n    max_steps: int = 160\n"
                    "def parse(p):\n    for f in fields(A):\n"
                    "        p.add_argument(f'--{f.name}', type=f.type, default=f.default)\n",
         "train.py": "from args import parse\nif __name__ == '__main__':\n    parse(1)\n"},
        "python train.py", {"hidden_size": 16, "max_steps": 10}),
    "gin bindings": (
        {"main.py": "import argparse\np = argparse.ArgumentParser()\n"
                    "p.add_argument('--gin_file', default='configs/base.gin')\np.parse_args()\n"
                    "def train(num_steps=10, width=2): pass\n",
         "configs/base.gin": "# train.num_steps = 7\ntrain.num_steps = 160\n"
                             "MLP.width = 64  # wide\n"},
        "python main.py", {"train_num_steps": 10, "MLP_width": 16}),
    "a configuration in Python": (
        {"main.py": "import sys\nprint(sys.argv)\nif __name__ == '__main__':\n    pass\n",
         "configs/base.py": "def get_config():\n    config = C()\n    config.num_epochs = 16\n"
                            "    config.hidden = 64\n    return config\n",
         "README.md": "`python main.py --workdir=/tmp/x --config=configs/base.py`\n"},
        "python main.py --workdir={out} --config={config_}", {"num_epochs": 1, "hidden": 16}),
    "JSON with comments": (
        {"train.py": "text = open('config.json').read()\nfor line in text: print(line)\n",
         "config.json": '{\n  // sizes\n  "arch": {"layers": 1, "hidden_units": 32},\n'
                        '  "train": {"iterations": 160, "lr": 0.1 /* tuned */},\n}\n'},
        "python train.py", {"hidden_units": 8, "iterations": 10}),
    "a file of variables": (
        {"main.py": "import os\nfor e in range(int(os.environ['EPOCHS'])): print(e)\n",
         ".env": "# export EPOCHS=3\nEPOCHS=16\nUNUSED=1\n"},
        "python main.py", {"EPOCHS": 1}),
    "a file of variables with quotes": (
        {"main.py": "import os\nh = os.environ['HIDDEN']\n"
                    "for e in range(int(os.environ['N_STEPS'])): print(e, h)\n",
         ".env": "# all of it\nexport N_STEPS='160' # steps\nHIDDEN=\"32\"\nNAME=\"a 1\"\n"},
        "python main.py", {"HIDDEN": 8, "N_STEPS": 10}),
    "attributes at the top": (
        {"main.py": "class A: pass\nargs = A()\nargs.epochs = 32\nargs['lr'] = 0.1\nprint(args)\n"},
        "python main.py", {"epochs": 2}),
    "C++ in a folder, with a Makefile": (
        {"src/main.cpp": '#include "net.h"\nint main(int argc, char** argv) { f("--hidden"); '
                         'f("--epochs"); }\n',
         "src/net.h": "struct C { int hidden = 32; int epochs = 16; };\n",
         "Makefile": "fit: src/main.o\n\t$(CXX) -o $@ $^\n\nclean:\n\trm -f fit\n"},
        "sh -c 'make -s fit && exec ./fit \"$@\"' fit --hidden {hidden} --epochs {epochs}",
        {"hidden": 8, "epochs": 1}),
    "C with words by position, given by a Makefile's variables": (
        {"net.c": "int main(int c, char **v) { int units = atoi(v[1]), k = atoi(v[2]); }\n",
         "Makefile": "U=32\nSTEPS ?= $(MORE)0  # of them\nMORE = 16\nnet: net.c\n"
                     "\t$(CC) net.c -o net\nrun: net\n\t@./net $(U) ${STEPS} 7\n"},
        "sh -c 'make -s net && exec ./net \"$@\"' net {units} {steps} {argument3}",
        {"units": 8, "steps": 10}),
    "C with flags, given by a Makefile's variables": (
        {"net.c": 'int main(int n, char *a[]) { f(a, "--hidden"); f(a, "--steps"); }\n',
         "Makefile": "H := 32\nnet: net.c\n\tcc net.c -o net\nrun: net\n"
                     "\t./net --hidden $(H) --steps 160\n"},
        "sh -c 'make -s net && exec ./net \"$@\"' net --hidden {hidden} --steps {steps}",
        {"hidden": 8, "steps": 10}),
    "words by position in Python, given by a Makefile's variables": (
        {"train.py": "import random, sys\nrandom.seed(int(sys.argv[2]))\nprint(sys.argv[1])\n",
         "Makefile": "PYTHON = python\nSTEPS=160\nrun:\n\t$(PYTHON) train.py $(STEPS) 3 0.5\n"},
        "python train.py {steps} {seed} {argument3}", {"steps": 10}),
    "a configuration that must be named": (
        {"scripts/train.py": "import argparse\nap = argparse.ArgumentParser()\n"
                             "ap.add_argument('-c', '--config', required=True)\n"
                             "ap.add_argument('opts', nargs='*')\nap.parse_args()\n",
         "configs/a.yaml": "MODEL: {WIDTH: 64}\nSOLVER: {MAX_ITER: 160}\nSEED: 1\n",
         "README.md": "    python scripts/train.py --config configs/a.yaml\n"},
        "python scripts/train.py --config {config_}", {"MODEL_WIDTH": 16, "SOLVER_MAX_ITER": 10}),
}  # fmt: skip


def lay(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def plan_of(folder: Path, wishes: Wishes | None = None) -> Plan:
    told = wishes or Wishes()
    return plan_study(apply_wishes(survey(folder, told.train), told), told)


@pytest.mark.parametrize("style", STYLES)
def test_a_look_finds_how_it_starts_and_what_makes_it_larger(style: str, tmp_path: Path) -> None:
    files, command, rung = STYLES[style]
    plan = plan_of(lay(tmp_path, files))
    assert plan.command.startswith(command)
    assert plan.rungs[0] == rung
    for file, replaced in [*plan.replaces.items(), *plan.knobs.items()]:
        for pattern in replaced:
            assert len(re.findall(pattern, files[file], re.M)) == 1, pattern


def test_each_name_in_a_shared_line_gets_its_value(tmp_path: Path) -> None:
    lay(tmp_path / "p", {"train.py": (
        "width, steps, lr = 8, 160, 0.5  # tuned\na, b = 2, 3; gain = 7\n"
        "for step in range(steps):\n    pass\nprint(f'val loss: {lr / steps + width + a + b}')\n"
    )})  # fmt: skip
    adopted = adopt(tmp_path / "p")
    assert adopted.first.failure is None
    assert adopted.score.value == pytest.approx(0.5 / 10 + 2 + 5)


def test_the_program_of_a_rust_package_is_built(tmp_path: Path) -> None:
    lay(tmp_path, {"Cargo.toml": '[package]\nname = "evo"\nversion = "0.1.0"\n',
                   "src/main.rs": "const SIGMA: f64 = 0.3;\nfn main() { let a = std::env::args(); "
                                  'arg("--generations", 1_600); }\n'})  # fmt: skip
    plan = plan_of(tmp_path)
    assert "build -q --release --offline --bin evo && exec ./target/release/evo" in plan.command
    assert plan.rungs[-1] == {"generations": 1600}
    assert plan.parameters == {"SIGMA": 0.3}


def test_a_number_is_pointed_at_by_the_words_before_it(tmp_path: Path) -> None:
    text = "for i in count():\n    print(i)\n    if i >= 400 or i == 7:\n        break\n"
    lay(tmp_path, {"train.py": text})
    for words in ("i >= 400", "i >= "):
        plan = plan_of(tmp_path, Wishes(roles={"steps": words}))
        assert [rung["i"] for rung in plan.rungs] == [25, 50, 100, 400]
    with pytest.raises(UserError, match="has no parameter 'i < '"):
        plan_of(tmp_path, Wishes(roles={"steps": "i < "}))


COUNTED = (
    "{0}step = 0\n{0}lr = 0.5\n{0}while True:\n{0}    step += 1\n{0}    lr *= 0.9\n"
    "{0}    print(step)\n{0}    if step >= 600 and lr < 1: break\n"
)


@pytest.mark.parametrize("words", ["step >= ", "step >= 600", None])
@pytest.mark.parametrize(
    "head", ["", "if True:\n", "def main():\n", "def main():\n    global step\n"]
)
def test_where_a_counter_begins_is_no_setting_and_the_bound_of_its_loop_is(
    head: str, words: str | None, tmp_path: Path
) -> None:
    text = head + COUNTED.format("    " if head else "") + "print('loss', 1)\n"
    lay(tmp_path, {"train.py": text})
    plan = plan_of(tmp_path, Wishes(roles={"steps": words} if words else {}))
    assert [list(rung.values()) for rung in plan.rungs] == [[38], [75], [150], [600]]
    (replaced,) = plan.replaces["train.py"].items()
    told = re.sub(*replaced, text, flags=re.M)
    assert told.replace("{steps}", "600").replace("{step}", "600") == text


@pytest.mark.parametrize("loop", [
    "steps = 600\nwhile steps > 0:\n    steps -= 1\n    print(steps)\n    print()\n",
    "class T:\n    def __init__(self):\n        self.steps = 600\n        self.step = 0\n"
    "    def go(self):\n        self.step += 1\nT().go()\n",
    "max_steps = 600\nstep = 0\nwhile step < max_steps:\n    step = step + 1\n    print(step)\n",
])  # fmt: skip
def test_a_number_that_says_how_long_is_a_setting_still(loop: str, tmp_path: Path) -> None:
    plan = plan_of(lay(tmp_path, {"train.py": loop}))
    assert [list(rung.values()) for rung in plan.rungs] == [[38], [75], [150], [600]]
    assert len(plan.replaces["train.py"]) == 1


@pytest.mark.parametrize(
    ("rungs", "flops", "refused"),
    [
        ("width=8,steps=100 width=8,steps=50", None, "the target, width=8,steps=50"),
        ("width=8,steps=100 width=8,steps=100", None, "the target"),
        ("width=8,steps=10 width=16,steps=2 width=32,steps=4", None, "rung 2, width=16,steps=2"),
        ("width=8,steps=10 width=16,steps=20 width=32,steps=4", "steps", "the target"),
        ("width=8,steps=100 width=16,steps=40", None, None),  # as the size's square it costs more
        ("width=8,steps=100 width=16,steps=60", "steps * width ** 2", None),
        ("width=8,steps=100,lr=1 width=8,steps=200,lr=0.5", None, None),
        ("width=8,steps=100,batch_size=8 width=8,steps=50,batch_size=64", None, None),
    ],
)
def test_rungs_go_from_smaller_to_larger(
    rungs: str, flops: str | None, refused: str | None, tmp_path: Path
) -> None:
    text = "width, steps, lr, batch_size = 32, 400, 0.1, 8\nprint(width, steps, lr, batch_size)\n"
    lay(tmp_path, {"train.py": text})
    told = tuple({name: float(value) if "." in value else int(value)
                  for name, value in (pair.split("=") for pair in rung.split(","))}
                 for rung in rungs.split())  # fmt: skip
    wishes = Wishes(rungs=told, flops=flops)
    if refused is None:
        assert plan_of(tmp_path, wishes).rungs == told
    else:
        with pytest.raises(UserError, match=f"{refused}.*rungs go from smaller to larger"):
            plan_of(tmp_path, wishes)


def test_the_quotes_of_a_command_that_is_told_are_kept(tmp_path: Path) -> None:
    lay(tmp_path, {"my train.py": "max_steps = 160\nprint(max_steps)\n"})
    told = Wishes(train='python "my train.py"', roles={"steps": "max_steps"})
    assert plan_of(tmp_path, told).command == "python 'my train.py'"


def test_where_several_could_be_the_training_what_trains_is_taken(tmp_path: Path) -> None:
    small = "steps = 16\nfor i in range(steps):\n    pass\n"
    more = small + "optimizer = 1\nloss = 2\n# loss.backward(); optimizer.step()\n"
    lay(tmp_path, {"bigram.py": small, "gpt.py": more, "sample_model.py": more, "prepare.py": more})
    found = survey(tmp_path)
    assert found.command == "python gpt.py"
    assert "python prepare.py" not in found.others


def test_what_counts_the_same_steps_goes_along(tmp_path: Path) -> None:
    lay(tmp_path, {"train.py": "max_iters = 1600\nwarmup_iters = 160\neval_interval = 500\n"
                               "eval_iters = 200\nprint(max_iters)\n"})  # fmt: skip
    plan = plan_of(tmp_path)
    assert plan.rungs[0] == {"max_iters": 100, "warmup_iters": 10, "eval_interval": 25}
    assert plan.rungs[-1]["eval_interval"] == 400
    said = plan_of(tmp_path, Wishes(fixed={"warmup_iters": 7}))
    assert "warmup_iters" not in said.rungs[0]
    assert said.parameters["warmup_iters"] == 7


def test_runs_made_shorter_keep_enough_steps_to_learn_something(tmp_path: Path) -> None:
    lay(tmp_path, {"train.py": "max_iters = 16000\nn_embd = 64\neval_iters = 200\nbatch_size = 64\n"
                               "print(max_iters)\n"})  # fmt: skip
    assert plan_of(tmp_path, Wishes(share=0.125)).rungs[-1] == {"max_iters": 2000, "n_embd": 64}
    shortest = plan_of(tmp_path, Wishes(share=1e-4)).rungs
    assert [rung["max_iters"] for rung in shortest] == [10, 20, 40, 160]
    assert shortest[-1]["n_embd"] == 32
    parameters = {each.name: each for each in survey(tmp_path).parameters}
    assert less_work(parameters["eval_iters"], 1) == 20
    assert less_work(parameters["batch_size"], 1) is None
    assert less_work(parameters["batch_size"], 2) == 16


def test_files_to_write_and_devices_that_are_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(tmp_path, {"train.py": "import argparse\np = argparse.ArgumentParser()\n"
                   "p.add_argument('--steps', type=int, default=160)\n"
                   "p.add_argument('--save', default='model.pt')\n"
                   "p.add_argument('--log-dir', default='logs')\n"
                   "p.add_argument('--device', default='cuda')\np.parse_args()\n"})  # fmt: skip
    monkeypatch.setattr("proveout.survey._look.has_accelerator", lambda: False)
    plan = plan_of(tmp_path)
    assert "--save {out}/model.pt --log-dir {out} --device {device}" in plan.command
    assert plan.parameters["device"] == "cpu"
    assert plan.out is None
    monkeypatch.setattr("proveout.survey._look.has_accelerator", lambda: True)
    assert "device" not in plan_of(tmp_path).command


@pytest.mark.parametrize(
    ("text", "seeded"),
    [
        ("torch.manual_seed(1337 + rank)\n", "torch.manual_seed({seed} + rank)\n"),
        ("s(random_state=42)\nf(random_state=42, n=1)\n",
         "s(random_state={seed})\nf(random_state={seed}, n=1)\n"),
        ("static long state = 1337;\n", "static long state = {seed};\n"),
        ("rng = np.random.default_rng(seed=0)\n", "rng = np.random.default_rng(seed={seed})\n"),
        ("rng = np.random.default_rng()\n", "rng = np.random.default_rng({seed})\n"),
    ],
)  # fmt: skip
def test_every_seed_in_a_source_is_replaced(text: str, seeded: str) -> None:
    for pattern, replacement in seeds_in(text):
        text, count = re.subn(pattern, replacement, text, flags=re.M)
        assert count == 1
    assert text == seeded


def test_a_program_that_never_seeds_is_seeded_behind_its_import(tmp_path: Path) -> None:
    lay(tmp_path, {"train.py": "import numpy as np\nsteps = 160\nprint(np.random.rand())\n"})
    plan = plan_of(tmp_path)
    (pattern, replacement), *_ = [
        item for item in plan.replaces["train.py"].items() if "seed" in item[1]
    ]
    assert re.search(pattern, "import numpy as np", re.M)
    assert replacement == "import numpy as np; import numpy; numpy.random.seed({seed})"


@pytest.mark.parametrize(
    ("text", "seeding"),
    [("from sklearn.svm import SVC\n", "import numpy; numpy.random.seed({seed})"),
     ("import os, random, math\n", "import random; random.seed({seed})"),
     ("import numpy as np\nsplit(random_state=42)\n", "import numpy; numpy.random.seed({seed})")],
)  # fmt: skip
def test_whatever_draws_from_a_global_generator_is_seeded(
    text: str, seeding: str, tmp_path: Path
) -> None:
    lay(tmp_path, {"train.py": f"{text}steps = 160\nprint(steps)\n"})
    assert any(line.endswith(seeding) for line in plan_of(tmp_path).replaces["train.py"].values())


def test_the_script_that_a_shell_script_runs_is_seeded_and_may_be_changed(tmp_path: Path) -> None:
    lay(tmp_path, {"train.sh": "export EPOCHS=16\npython src/fit.py $EPOCHS | tee log\n",
                   "src/fit.py": "import numpy as np\nprint(np.random.rand())\n"})  # fmt: skip
    plan = plan_of(tmp_path)
    assert plan.rungs[0] == {"EPOCHS": 1}
    assert "src/fit.py" in plan.replaces
    assert "src" in editable_of(tmp_path, "train.sh")


def test_constants_of_other_languages() -> None:
    text = "#define WIDTH 8\nfloat lr = 0.5f; // lr = 9\nint n_steps = 1000;\nint x = 3;\n"
    found = {p.name: (p.default, p.literal) for p in source_constants(text, "a.c")}
    assert found == {"WIDTH": (8, "8"), "lr": (0.5, "0.5f"), "n_steps": (1000, "1000")}


def test_of_a_notebook_it_says_what_to_do_first(tmp_path: Path) -> None:
    lay(tmp_path, {"model.ipynb": "{}"})
    with pytest.raises(UserError, match=r"nbconvert --to script model\.ipynb"):
        survey(tmp_path)


def adopt(program: Path, **more: Any) -> Any:
    wish = more.pop("score", ScoreWish())
    return adopt_program(program, program.parent / "s", Wishes(), wish, lambda likely: likely[0],
                         **more)  # fmt: skip


def test_a_table_beside_the_program_is_kept_and_scored(tmp_path: Path) -> None:
    program = lay(tmp_path / "p", {"mlp.py": (
        "import csv\nclass Config:\n    epochs = 32\n    lr = 0.5\n    seed = 1\n"
        "with open('results.csv', 'w') as f:\n"
        "    w = csv.writer(f); w.writerow(['epoch', 'test_loss', 'test_acc'])\n"
        "    for e in range(1, Config.epochs + 1):\n"
        "        w.writerow([e, Config.lr / e + Config.seed % 7 / 100, e / 100])\n"
        "open('weights.bin', 'w').write('x')\n"
    )})  # fmt: skip
    adopted = adopt(program, score=ScoreWish(name="test_acc", believe=True))
    study = read_study(tmp_path / "s")
    assert study.program.out == ("results.csv", "weights.bin")
    score = study.score
    assert (score.kind, score.file, score.key) == ("reported", "results.csv", "test_acc")
    assert score.maximized
    assert score.believe_reported
    assert study.curve.source == "csv"
    assert adopted.ideas == ("double-lr", "half-lr")


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_c_is_built_in_each_trial_and_its_settings_reach_it(tmp_path: Path) -> None:
    program = lay(tmp_path / "p", {"net.c": (
        "#include <stdio.h>\n#include <stdlib.h>\n#define MAX_STEPS 160\n#define RATE 0.5f\n"
        "int main(void) {\n    srand(3);\n"
        "    for (int step = 1; step <= MAX_STEPS; step++)\n"
        '        printf("step %d: val loss %f\\n", step, RATE / step + rand() % 7);\n}\n'
    )})  # fmt: skip
    adopted = adopt(program, time_seconds=5.0)
    assert adopted.score.name == "val loss"
    assert adopted.first.failure is None
    study = read_study(tmp_path / "s")
    assert study.rungs[0].parameters == {"MAX_STEPS": 10}
    assert study.budget.compute.amount <= 60
    assert study.budget.compute.amount < 4 * study.price(len(study.rungs))
    assert any("does not cover the 4 runs at the target" in note for note in adopted.plan.notes)
    assert study.program.parameters == {"RATE": 0.5}


def test_a_budget_for_a_time_that_is_long_enough_covers_the_target(tmp_path: Path) -> None:
    program = lay(tmp_path / "p", {"train.py": (
        "import time\nmax_steps = 1600\nfor step in range(max_steps):\n    time.sleep(0.001)\n"
        "print('loss:', 1 / max_steps)\n"
    )})  # fmt: skip
    adopted = adopt(program, time_seconds=120 / usable_cores())
    study = read_study(tmp_path / "s")
    assert study.budget.compute.amount >= 4 * study.price(len(study.rungs))
    assert not any("runs at the target" in note for note in adopted.plan.notes)


@pytest.mark.parametrize(
    ("name", "goal"),
    [("val_accuracy", "maximize"), ("best val acc", "maximize"), ("R2 score", "maximize"),
     ("val/loss", "minimize"), ("error", "minimize"), ("rmse", "minimize"),
     ("reward_loss", "minimize"), ("brier score", "minimize"), ("testAcc", "maximize"),
     ("val error rate", "minimize"), ("win rate", "maximize"), ("Dev LL", "maximize")],
)  # fmt: skip
def test_the_direction_of_a_score_is_read_from_its_name(name: str, goal: str) -> None:
    number = Reported("output", name, 1.0)
    assert number.goal == goal
    assert number.rank is not None
    assert Reported("output", "gradient_accumulation_steps", 8.0).rank is None


@pytest.mark.parametrize(
    ("pattern", "name"),
    [(r"val_loss=(\S+)", "val_loss"), (r"step \d+: (?:best )?val acc:\s*([\d.]+)", "val acc"),
     (r"^(\S+)$", ""), (r"\((?P<rmse>\S+)\)", "rmse")],
)  # fmt: skip
def test_a_pattern_says_what_its_number_is_called(pattern: str, name: str) -> None:
    assert name_in(pattern) == name


def test_numbers_in_lines_of_json_are_read_with_their_names(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "log").write_text('{"step": 50, "train": {"loss": 4.5}, "valid_loss": 5.25}\n' * 2)
    found = {each.name: each for each in reported(tmp_path / "out", tmp_path / "log")}
    assert found["valid_loss"].value == 5.25
    assert re.search(found["valid_loss"].pattern, '{"valid_loss": 5.25}')


@pytest.mark.parametrize(
    ("log", "score"),
    [("Train MSE: 0.1 Test MSE: 0.2\n", "Test MSE"),
     ("   accuracy   0.95   171\nCV AUC: 0.97\n", "CV AUC"),
     ("[0] test_accuracy=50.1\nFinal: test accuracy 60.2\n", "test accuracy"),
     ("Last reward: 9.0\tAverage reward: 7.5\n", "Average reward"),
     ("Accuracy on the held-out set: 0.91\n", "Accuracy on the held-out set"),
     ("The mean absolute error (MAE) on test set: 1.5\n", "absolute error (MAE) on test set"),
     ("epoch 1 | val: loss 0.6 acc 0.7 | train: loss 0.5 acc 0.8\n", "val loss"),
     ("{'train': {'loss': 0.5}, 'test': {'loss': 0.6}}\n", "test loss"),
     ("Train Epoch: 1 [64/600]\tLoss: 2.3\nTest set: Mean loss: 0.5, Accuracy: 9/10\n",
      "Test set Mean loss"),
     ("Test: 45/60 correct (75.0%)\nTrain: 50/60 correct (83.3%)\n", "Test correct"),
     ("/a/fit.py:7: UserWarning: the error of 3.5 is removed in 2.0\nloss: 4\n", "loss"),
     ("val split: 0.1, loss: 0.3\n", "loss"),
     ("epoch,train_loss,val_loss\n1,0.5,0.6\n2,0.4,0.55\n", "val_loss"),
     ("Cost after iteration 0: 0.7\nCost after iteration 100: 0.5\n", "Cost"),
     ("accuracy after 10 epochs: 0.9\n", "accuracy"),
     ("MSE (epoch 3) is 0.25\n", "MSE"),
     ("Accuracy of the network on the 10000 test images: 93 %\n",
      "Accuracy of the network on the test images"),
     ("{'loss': np.float64(0.25)}\n", "loss"),
     ("best is [1, 0, 1], 3.5\nerror: 4\n", "error"), ("loss: [[0.25]]\n", "loss"),
     ("loss: tensor(0.25, grad_fn=<Mse>)\n", "loss"),
     ("Epoch 0: 90 / 100\nEpoch 1: 91 / 100\n", "column 2"),
     ("gen\tevals\tbest\n0\t300\t50.5\n1\t180\t63.0\n", "best"),
     ("loss 0.5 | lr 0.1 | grad norm 2.0\n", "loss")],
)  # fmt: skip
def test_the_likeliest_score_is_measured_on_held_out_data_and_at_the_end(
    log: str, score: str, tmp_path: Path
) -> None:
    (tmp_path / "log").write_text(log)
    first, *others = reported(tmp_path / "none", tmp_path / "log")
    if first.rank is None:
        first = next(each for each in [first, *others] if each.name == score)
    assert first.name == score
    found = [m[1] for line in log.splitlines() for m in re.finditer(first.pattern, line)]
    assert float(found[-1]) == first.value


def test_lines_of_a_step_and_a_number_are_told_of_and_none_is_taken_unasked(tmp_path: Path) -> None:
    program = lay(tmp_path / "p", {"net.py": (
        "N, width, lr = 3, 8, 0.5\nfor t in range(160):\n    loss = lr / (t + width)\n"
        "    a = 1\n    print(t, loss)\n"
    )})  # fmt: skip
    adopted = adopt(program)
    assert adopted.score is None
    assert any("it reports column 2" in note for note in adopted.plan.notes)
    shutil.rmtree(tmp_path / "s")
    adopted = adopt(program, score=ScoreWish(name="column 2"))
    measured = prove_study(adopted.study).probe.measurement
    assert measured is not None
    assert measured.value == 0.5 / (9 + 2)


def test_a_loop_without_an_end_is_given_one_in_each_trial(tmp_path: Path) -> None:
    program = lay(tmp_path / "p", {"net.py": (
        "import time\nstep = 0\nwhile 1:\n    if step % 20 == 0:\n"
        "        print('loss', 9 / (step + 1))\n    step += 1\n"
    )})  # fmt: skip
    measured = prove_study(adopt(program).study).probe.measurement
    assert measured is not None
    assert measured.value == 9 / 21


def test_a_score_of_the_first_step_of_an_epoch_is_told_of(tmp_path: Path) -> None:
    program = lay(tmp_path / "p", {"net.py": (
        "num_epochs = 4\nfor epoch in range(num_epochs):\n    for i in range(90):\n"
        "        if i % 100 == 0:\n            print(f'Epoch [{epoch + 1}/{num_epochs}], '\n"
        "                  f'Step[{i}/90], Loss: {9 / (epoch + 1)}')\n"
    )})  # fmt: skip
    assert any("at its first step alone" in note for note in adopt(program).plan.notes)


def test_what_a_program_in_folders_imports_is_imported_once_for_all_trials(tmp_path: Path) -> None:
    program = lay(tmp_path / "p", {"nn/fit.py": (
        "def later():\n    import torch\nmax_iters = 160\nprint('loss', max_iters)\n"
    )})  # fmt: skip
    study = adopt(program).study
    assert study.program.editable == ("nn",)
    assert modules_to_preload(study) == ("torch", "numpy")


def test_an_endless_loop_in_a_module_runs_until_what_calls_it_reports(tmp_path: Path) -> None:
    program = lay(tmp_path / "p", {
        "trainer.py": "class Trainer:\n    def run(self, tell):\n        self.it = 0\n"
                      "        while True:\n            tell(self)\n            self.it += 1\n",
        "main.py": "from trainer import Trainer\ndraw(num_samples=1)\nif __name__ == '__main__':\n"
                   "    Trainer().run(lambda t: print('loss', t.it) if t.it % 40 == 0 else 0)\n",
    })  # fmt: skip
    assert plan_of(program).rungs[0] == {"loop_steps": 41}


@pytest.mark.parametrize(("every", "rung"), [(50, 80), (10_000, 20)])
def test_a_score_of_the_first_step_alone_is_none_of_a_run(
    every: int, rung: int, tmp_path: Path
) -> None:
    program = lay(tmp_path / "p", {"net.py": (
        "max_iters = 320\nfor it in range(max_iters):\n"
        f"    if it % {every} == 0:\n        print(f'iter {{it}}: loss {{9 / (it + 1)}}')\n"
    )})  # fmt: skip
    plan = adopt(program).plan
    assert plan.rungs[0]["max_iters"] == rung
    assert any("at its first step alone" in note for note in plan.notes) == (every == 10_000)


@pytest.mark.parametrize(
    ("source", "seeded"),
    [("#include <stdlib.h>\nint main(void)\n{\n    srand(time(NULL));\n}\n", "srand(7);"),
     ("std::random_device rd;\nstd::mt19937 gen(rd());\n", "gen(7);"),
     ("np.random.seed(int(time.time()))\n", "np.random.seed(7)"),
     ("BEGIN { srand() }\n", "srand(7)"), ("Random r = new Random();\n", "new Random(7)")],
)  # fmt: skip
def test_a_seed_from_the_clock_is_replaced(source: str, seeded: str) -> None:
    ((pattern, line),) = seeds_in(source)
    assert seeded in re.sub(pattern, lambda _: line.replace("{seed}", "7"), source, flags=re.M)


def test_c_that_is_never_seeded_is_seeded_in_main_and_its_loop_is_the_steps(tmp_path: Path) -> None:
    program = lay(tmp_path / "p", {"net.c": (
        "#include <stdio.h>\n#include <stdlib.h>\nint main(void) {\n    double x = 0;\n"
        "    for (int i = 0; i < 160; ++i) {\n        for (int j = 0; j < 999; ++j) {\n"
        "            x += rand() % 7;\n            x -= 1;\n        }\n    }\n"
        '    printf("%d/200 correct (%.1f%%)\\n", (int)x % 200, x);\n}\n'
    )})  # fmt: skip
    adopted = adopt(program)
    assert adopted.plan.rungs[0] == {"is": 10}
    assert adopted.score.name == "correct"
    proof = prove_study(adopted.study)
    assert proof.ok
    assert not any("seed" in line for line in proof.fix)


@pytest.mark.parametrize(
    "loop",
    ["while True:\n    if done(): break\n", "def f():\n    while True:\n        yield 1\n",
     "def f():\n    while True:\n        return 1\n", "while True:\n    sys.exit()\n"],
)  # fmt: skip
def test_a_loop_that_can_be_left_is_left_as_it_is(loop: str) -> None:
    assert endless_loop(loop, "a.py") is None
    assert endless_loop("while True:\n    for x in y:\n        break\n", "a.py") is not None


def test_what_does_not_reach_the_program_and_a_direction_that_seems_wrong_are_said(
    tmp_path: Path,
) -> None:
    program = lay(tmp_path / "p", {"train.py": (
        "import argparse\np = argparse.ArgumentParser()\n"
        "p.add_argument('--steps', type=int, default=160)\n"
        "p.add_argument('--lr', type=float, default=0.1)\np.add_argument('--seed', type=int)\n"
        "p.add_argument('--out')\na = p.parse_args()\nopen('x', 'w')\n"
        "print('best fitness:', 9 / a.steps)\nprint('test loss:', 1.5 + (a.seed or 0) % 97)\n"
    )})  # fmt: skip
    adopted = adopt(program)
    fix = prove_study(adopted.study).fix
    assert any("the next rung, with steps = 20" in line for line in fix)
    assert any("lr = 0.2, gave the same" in line for line in fix)
    shutil.rmtree(tmp_path / "s")
    adopted = adopt(program, score=ScoreWish(name="best fitness"))
    assert any("say --goal minimize" in note for note in adopted.plan.notes)
    fix = prove_study(adopted.study).fix
    assert not any("the next rung" in line for line in fix)


def test_a_trial_that_failed_is_told_as_that_and_not_by_what_it_printed(tmp_path: Path) -> None:
    program = lay(tmp_path / "p", {"train.py": (
        "import argparse\np = argparse.ArgumentParser()\n"
        "p.add_argument('--steps', type=int, default=160)\np.parse_args()\n"
        "print('size 3')\nimport not_there\n"
    )})  # fmt: skip
    adopted = adopt(program, score=ScoreWish(name="val_acc"))
    assert not any("it reports" in note for note in adopted.plan.notes)
    proof = prove_study(adopted.study)
    assert "No module named 'not_there'" in proof.fix[0]
    there = (program / "train.py").read_text().replace("import not_there", "print('val_acc: 0.5')")
    (program / "train.py").write_text(there)
    measured = prove_study(adopted.study).probe.measurement
    assert measured is not None
    assert measured.value == 0.5


def test_a_number_without_a_written_seed_is_seeded_beside_one_that_is(tmp_path: Path) -> None:
    program = lay(tmp_path / "p", {"fit.py": (
        "import numpy as np\nsplit(x, random_state=13)\nm = Forest(n_estimators=80)\nm.fit()\n"
    )})  # fmt: skip
    changed = plan_of(program).replaces["fit.py"]
    assert "import numpy as np; import numpy; numpy.random.seed({seed})" in changed.values()
    assert any(line.endswith("random_state={seed}") for line in changed.values())


def test_a_score_of_few_digits_may_tie_by_chance(tmp_path: Path) -> None:
    text = (
        "import argparse\np = argparse.ArgumentParser()\n"
        "p.add_argument('--steps', type=int, default=160)\np.add_argument('--seed', type=int)\n"
        "seed = p.parse_args().seed\nprint('test acc:', {})\n"
    )
    program = lay(tmp_path / "p", {"train.py": text.format("0.9512")})
    study = adopt(program).study

    def said() -> list[str]:
        return [line for line in prove_study(study).fix if "the seed does not reach" in line]

    (line,) = said()
    assert line.startswith("two other seeds gave the same 0.9512: perhaps")
    third = trial_seed(study, Trial(0, 2, "baseline"))
    lay(program, {"train.py": text.format(f"0.9511 if seed == {third} else 0.9512")})
    assert said() == []
    lay(program, {"train.py": text.format("0.951234")})
    (line,) = said()
    assert line.startswith("another seed gave the same 0.951234: the seed does not")


def test_a_command_scores_what_a_trial_leaves_on_data_that_no_trial_sees(tmp_path: Path) -> None:
    program = lay(tmp_path / "p", {
        "train.py": "import os, random\nsteps = 160\nopen('work/model', 'w').write(str(steps))\n"
                    "assert not os.path.exists('work/test')\n",
        "eval.py": "n, t = open('work/model').read(), open('work/test').read()\n"
                   "print(f'seen 3 files\\nAccuracy on test set: {int(n) / int(t)}')\n",
        "work/test": "200", "work/train": "1", "work/model": "7",
    })  # fmt: skip
    wish = ScoreWish(command="python eval.py", held_out="work/test")
    adopted = adopt(program, score=wish)
    score = adopted.study.score
    assert (score.kind, score.metric, score.maximized) == ("command", "Accuracy on test set", True)
    assert adopted.study.program.out == ("work/model",)
    measured = prove_study(adopted.study).probe.measurement
    assert measured is not None
    assert (measured.value, measured.trust) == (10 / 200, "re-evaluated")


@pytest.mark.parametrize(
    ("wish", "words"),
    [(ScoreWish(held_out="x"), "--held-out goes with --score-command"),
     (ScoreWish(command="a | b"), "needs a shell"),
     (ScoreWish(command="a", key="k"), "to the file {score}"),
     (ScoreWish(command="a", held_out="none"), "no such file or folder")],
)  # fmt: skip
def test_a_scoring_command_that_cannot_be_is_said_to_be(
    wish: ScoreWish, words: str, tmp_path: Path
) -> None:
    program = lay(tmp_path / "p", {"train.py": "steps = 16\nprint(steps)\n"})
    with pytest.raises(UserError, match=re.escape(words)):
        adopt(program, score=wish)
    assert not (tmp_path / "s").exists()
