"""`ladder`: the command line.

Standard output carries results only; progress and errors go to standard error. Exit codes: 0 success, 1 an error or a
partial failure, 2 invalid usage, 130 interrupted. `verify` exits like `diff`: 1 if there is a difference, 2 if nothing
could be compared.
"""

from orchestration.cli.commands import app
from orchestration.cli.entry_point import main

__all__ = ["app", "main"]
