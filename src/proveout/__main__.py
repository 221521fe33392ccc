"""`python -m proveout`: the command line."""

from proveout.cli import main

main()
