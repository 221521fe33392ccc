import argparse


def get_parser():
    parser = argparse.ArgumentParser("quadratic")
    parser.add_argument("--config", type=str, required=True)
    parser.add_argument("--epochs", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--out", type=str, default=None)
    return parser
