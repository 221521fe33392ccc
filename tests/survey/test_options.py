"""What programs take is read from their source, in the styles that people write."""

from __future__ import annotations

from typing import Any

import pytest

from proveout.survey import Parameter
from proveout.survey._options import options_of

STYLES: dict[str, tuple[str, dict[str, Any]]] = {
    "argparse": (
        "import argparse\np = argparse.ArgumentParser()\n"
        "p.add_argument('--d-model', '-d', type=int, default=2 ** 6)\n"
        "p.add_argument('--lr', type=float, dest='rate', default=3e-4)\n"
        "p.add_argument('--flag', action='store_true')\np.add_argument('data')\n",
        {"d_model": ("--d-model", 64), "rate": ("--lr", 3e-4), "data": ("data", None)},
    ),
    "optparse": (
        "import optparse\np = optparse.OptionParser()\n"
        "p.add_option('-i', dest='iteration', type='int', default=100)\n"
        "p.add_option('-s', dest='smart', action='store_true')\n",
        {"iteration": ("-i", 100)},
    ),
    "click": (
        "import click\n@click.command()\n@click.option('--width', '-w', default=8)\n"
        "@click.option('--fast', is_flag=True)\n@click.argument('out')\n"
        "def main(width, out): pass\n",
        {"width": ("--width", 8), "out": ("out", None)},
    ),
    "typer": (
        "import typer\napp = typer.Typer()\n@app.command()\n"
        "def train(data: str, n_layer: int = 4, lr: float = typer.Option(1e-3, '--rate'),"
        " quiet: bool = False): pass\napp()\n",
        {"data": ("--data", None), "n_layer": ("--n-layer", 4), "lr": ("--rate", 1e-3)},
    ),
    "tyro": (
        "import tyro\nfrom dataclasses import dataclass, field\n@dataclass\nclass Optim:\n"
        "    lr: float = 1e-3\n@dataclass\nclass Config:\n    steps: int\n    optim: Optim = None\n"
        "    width: int = field(default=8)\nmain(tyro.cli(Config))\n",
        {"steps": ("--steps", None), "optim.lr": ("--optim.lr", 1e-3), "width": ("--width", 8)},
    ),
    "transformers": (
        "from transformers import HfArgumentParser\nclass Args:\n    max_steps: int = 5\n"
        "p = HfArgumentParser((Args,))\n",
        {"max_steps": ("--max_steps", 5)},
    ),
    "absl": (
        "from absl import flags\nflags.DEFINE_integer('width', 32, 'how wide')\n"
        "flags.DEFINE_string('out_dir', None, 'where')\nflags.DEFINE_bool('x', False, '')\n",
        {"width": ("--width", 32), "out_dir": ("--out_dir", None)},
    ),
    "fire": (
        "import fire\ndef main(width=3, out_dir='out'): pass\nfire.Fire(main)\n",
        {"width": ("--width", 3), "out_dir": ("--out-dir", "out")},
    ),
    "environment": (
        "import os\nw = int(os.environ.get('WIDTH', '32'))\ns = os.environ['SEED']\n"
        "r = os.getenv('RANK', 0)\n",
        {"WIDTH": ("WIDTH", 32), "SEED": ("SEED", None)},
    ),
    "constants": (
        "WIDTH = 32  # wide\nlr: float = 1e-3\nname = 'x'\n_own = 3\nn = len('x')\n",
        {"WIDTH": ("WIDTH", 32), "lr": ("lr", 1e-3), "name": ("name", "x")},
    ),
    "configurator": (
        "max_iters = 600 * 1000\nout_dir = 'out'\nexec(open('configurator.py').read())\n",
        {"max_iters": ("--max_iters", 600_000), "out_dir": ("--out_dir", "out")},
    ),
    "no Python": ("def (:\n", {}),
}


def by_name(parameters: list[Parameter]) -> dict[str, Any]:
    return {each.name: (each.spelled, each.default) for each in parameters}


@pytest.mark.parametrize("style", STYLES)
def test_options_and_their_defaults(style: str) -> None:
    source, expected = STYLES[style]
    assert by_name(options_of(source, "train.py").parameters) == expected


def test_subcommands_have_their_own() -> None:
    source = (
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--seed', default=1)\n"
        "s = p.add_subparsers()\nfit = s.add_parser('fit')\n"
        "fit.add_argument('--steps', default=9)\n"
        "s.add_parser('show')\n"
    )
    found = options_of(source, "cli.py")
    assert by_name(found.parameters) == {"seed": ("--seed", 1)}
    assert {name: by_name(each) for name, each in found.subcommands.items()}["fit"] == {
        "steps": ("--steps", 9)
    }


def test_hydra_names_its_configuration_file() -> None:
    source = (
        "import hydra\n@hydra.main(config_path='../conf', config_name='base')\ndef f(c): pass\n"
    )
    found = options_of(source, "train.py")
    assert found.uses_hydra
    assert found.config == "conf/base.yaml"


def test_nothing_of_the_program_is_run(tmp_path: Any) -> None:
    trap = tmp_path / "sprung"
    options_of(f"import pathlib\npathlib.Path({str(trap)!r}).touch()\n", "train.py")
    assert not trap.exists()
