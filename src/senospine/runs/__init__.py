"""Runs: blocks over processes or a cluster, and folders whose parts are whole or absent."""

from senospine.runs.blocks import available_workers, run_blocks
from senospine.runs.files import cannot_write, is_temporary_of, sha256_of, sweep_temporaries, write_then_rename
from senospine.runs.folder import OutcomeFolder
from senospine.runs.lock import FolderLock
from senospine.runs.manifest import NOTICE, check_parts, read_manifest
from senospine.runs.versions import fingerprint, versions

__all__ = [
    "NOTICE",
    "FolderLock",
    "OutcomeFolder",
    "available_workers",
    "cannot_write",
    "check_parts",
    "fingerprint",
    "is_temporary_of",
    "read_manifest",
    "run_blocks",
    "sha256_of",
    "sweep_temporaries",
    "versions",
    "write_then_rename",
]
