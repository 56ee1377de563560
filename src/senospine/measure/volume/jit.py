"""Kernels made into machine code once for a machine, and kept in the user's cache."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from senospine.engine.cache import default_folder


@cache
def _folder() -> str:
    """Return a folder of its own for each state of the kernels: numba looks at dates, and wheels all carry one date."""
    digest = hashlib.sha256()
    for name in ("jit", "distance", "ridge", "paint", "cells"):
        digest.update((Path(__file__).parent / f"{name}.py").read_bytes())
    return os.fspath(default_folder() / "numba" / digest.hexdigest()[:16])


def compiled(function: Callable[..., Any]) -> Any:
    """Return ``function`` as machine code that lets other threads run.

    It is kept where ``NUMBA_CACHE_DIR`` says, else in senospine's cache folder, so that an installation nobody may
    write to still compiles once. Where that cannot be written numba tries places of its own, and without any the code
    is made again in every process.
    """
    options = {"nogil": True, "error_model": "numpy", "fastmath": False}
    kept = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = kept or _folder()
    try:
        return numba.njit(cache=True, **options)(function)
    except (RuntimeError, OSError):
        return numba.njit(**options)(function)
    finally:
        numba.config.CACHE_DIR = kept


@intrinsic  # type: ignore[untyped-decorator]
def trailing_zeros(typing_context: Any, word: Any) -> Any:
    """Return the place of the lowest bit that is set in a word of 64; numba itself does not offer it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(types.uint64), generate
