"""What the mergeable summaries share: subjects by cell in, and one way to be bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def subjects_by_cell(values: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return values of shape (n_subjects, *shape) as (n_subjects, n_cells).

    Raises
    ------
    ValueError
        Another shape, or an infinite value.
    """
    table = np.asarray(values, dtype=float)
    if table.shape[1:] != shape or table.ndim != len(shape) + 1:
        raise ValueError(f"need subjects by cells, shape (n_subjects, {', '.join(map(str, shape))}), got {table.shape}")
    if np.isinf(table).any():
        raise ValueError("an infinite value has no place in a summary: mark a failed subject with NaN")
    return table.reshape(len(table), math.prod(shape))


def pack_arrays(magic: bytes, numbers: Sequence[int], arrays: Sequence[NDArray[Any]]) -> bytes:
    """Return numbers and flat arrays as little-endian bytes."""
    head = np.array([len(numbers), *numbers, *(array.size for array in arrays)], "<i8")
    return b"".join(
        [magic, head.tobytes(), *(array.astype(array.dtype.newbyteorder("<")).tobytes() for array in arrays)]
    )


def unpack_arrays(magic: bytes, content: bytes, types: str) -> tuple[list[int], list[NDArray[Any]]]:
    """Return what :func:`pack_arrays` packed.

    Raises
    ------
    ValueError
        Bytes of another kind, or of another length than they say.
    """
    kinds = [np.dtype(kind) for kind in types.split()]
    if not content.startswith(magic) or len(content) < len(magic) + 8:
        raise ValueError(f"these bytes do not begin with {magic.decode().strip()!r}")
    body = memoryview(content)[len(magic) :]
    count = int(np.frombuffer(body[:8], "<i8")[0])
    head = 8 * (1 + count + len(kinds))
    if not 0 <= count <= 64 or len(body) < head:
        raise ValueError("these bytes are cut off or damaged")
    told = [int(item) for item in np.frombuffer(body[8:head], "<i8")]
    sizes = told[count:]
    if min(sizes) < 0 or len(body) != head + sum(size * kind.itemsize for size, kind in zip(sizes, kinds, strict=True)):
        raise ValueError("these bytes are cut off or damaged")
    arrays, at = [], head
    for size, kind in zip(sizes, kinds, strict=True):
        upto = at + size * kind.itemsize
        arrays.append(np.frombuffer(body[at:upto], kind).astype(kind.newbyteorder("=")))
        at = upto
    return told[:count], arrays
