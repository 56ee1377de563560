"""Machine code for this processor, kept in a folder so that the next process need not make it again."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

_MAGIC = b"senospine object 1\n"


@dataclass(frozen=True)
class Code:
    """Loaded machine code: addresses by name; the engine keeps it alive."""

    addresses: Mapping[str, int]
    from_cache: bool
    engine: Any = field(repr=False)


@dataclass(frozen=True)
class Machine:
    """The processor that code is made for."""

    name: str
    features: str

    @property
    def width(self) -> int:
        """Doubles in one register: 8 with AVX-512, 4 with AVX2, else 2."""
        features = self.features.split(",")
        if "+avx512f" in features and "+avx512dq" in features:
            return 8
        return 4 if "+avx2" in features and "+fma" in features else 2

    @property
    def halves(self) -> bool:
        """Whether the largest registers are worked on in two halves: then half of them costs little speed."""
        return self.name == "znver4"


@lru_cache(maxsize=1)
def this_machine() -> Machine:
    """Return the processor this process runs on."""
    import llvmlite.binding as llvm

    return Machine(llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())


def default_folder() -> Path:
    """Return where code is kept: ``SENOSPINE_CACHE``, else senospine's part of the user's cache folder."""
    given = os.environ.get("SENOSPINE_CACHE")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "senospine"


def load_code(key: str, write: Callable[[], str], names: tuple[str, ...], folder: Path | None) -> Code:
    """Return the code that ``key`` stands for, from ``folder`` or newly made.

    Parameters
    ----------
    key : str
        Everything that decides the code, but for compiler and processor, which are added here.
    write : callable
        Returns the LLVM text; called only if the folder does not hold the code.
    names : tuple of str
        The functions whose addresses are wanted.
    folder : Path or None
        None, or a folder that cannot be written, means no cache. A file that was cut short or changed is made again.
    """
    import llvmlite

    machine = this_machine()
    parts = (key, llvmlite.__version__, machine.name, machine.features)
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    path = None if folder is None else folder / f"{digest}.lanes"
    stored = _read(path)
    target = _target()
    code = stored if stored is not None else _compile(write(), target)
    if stored is None and path is not None:
        _write(path, code)
    return _load(code, names, target, from_cache=stored is not None)


def _target() -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = this_machine()
    triple = llvm.Target.from_default_triple()
    return triple.create_target_machine(
        cpu=machine.name, features=machine.features, opt=2, reloc="pic", codemodel="small", jit=True
    )


def _compile(text: str, target: Any) -> bytes:
    import llvmlite.binding as llvm

    module = llvm.parse_assembly(text)
    options = llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = options.slp_vectorization = False  # the code is in vectors already
    builder = llvm.create_pass_builder(target, options)
    builder.getModulePassManager().run(module, builder)
    return bytes(target.emit_object(module))


def _load(code: bytes, names: tuple[str, ...], target: Any, *, from_cache: bool) -> Code:
    import llvmlite.binding as llvm

    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target)
    engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return Code({name: engine.get_function_address(name) for name in names}, from_cache, engine)


def _read(path: Path | None) -> bytes | None:
    """Return stored code if it is whole: the file carries its own hash."""
    if path is None:
        return None
    try:
        content = path.read_bytes()
    except OSError:
        return None
    head, code = content[: len(_MAGIC) + 32], content[len(_MAGIC) + 32 :]
    return code if head == _MAGIC + hashlib.sha256(code).digest() else None


def _write(path: Path, code: bytes) -> None:
    """Write beside the file, then rename: other processes see all of it or nothing."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_MAGIC + hashlib.sha256(code).digest() + code)
            os.replace(name, path)
        except OSError:
            with suppress(OSError):
                os.unlink(name)
