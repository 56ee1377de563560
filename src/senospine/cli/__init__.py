"""The command line: words in, one clear table or JSON out. No science here."""

from senospine.cli.commands import app, main

__all__ = ["app", "main"]
