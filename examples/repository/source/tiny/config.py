"""One YAML file configures a run."""

import argparse
from pathlib import Path
from typing import Any

import yaml


def read_config() -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, default=Path("conf/train.yaml"))
    return yaml.safe_load(parser.parse_args().config.read_text())
