"""Runs: blocks over processes, and folders whose parts are whole or absent."""

from senospine.runs.blocks import available_workers, run_blocks
from senospine.runs.folder import NOTICE, OutcomeFolder, read_manifest, versions, write_then_rename

__all__ = [
    "NOTICE",
    "OutcomeFolder",
    "available_workers",
    "read_manifest",
    "run_blocks",
    "versions",
    "write_then_rename",
]
