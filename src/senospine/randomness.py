"""Random numbers that belong to a subject and a purpose, never to the order in which they are drawn."""

from __future__ import annotations

import hashlib

import numpy as np


def stream(seed: int, purpose: str, subject: int = 0) -> np.random.Generator:
    """Return the generator of one subject for one purpose (Philox, counter based).

    The same arguments give the same numbers on any machine, in any order, with any number of workers.

    Examples
    --------
    >>> bool(stream(1, "traits", 7).random() == stream(1, "traits", 7).random())
    True
    """
    digest = hashlib.sha256(f"senospine/{seed}/{purpose}".encode()).digest()
    key = np.frombuffer(digest[:16], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, subject]))


def standard_normals(seed: int, purpose: str, subjects: int, count: int, first: int = 0) -> np.ndarray:
    """Return standard normals, shape (subjects, count), of subjects from ``first`` on."""
    rows = [stream(seed, purpose, first + index).standard_normal(count) for index in range(subjects)]
    return np.array(rows).reshape(subjects, count)
