"""Volumes: a scan of bone read into porosity, thickness and number, with the choices that decide them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

#: public name -> its file; loaded when first used, since numba and scikit-image take a second
_FILES = {
    "Volume": "volume",
    "read_volume": "files",
    "write_nrrd": "files",
    "segment_bone": "segment",
    "endplate_region": "endplate",
    "local_thickness": "thickness",
    "Thickness": "thickness",
    "trabecular_values": "trabecular",
    "porosity_values": "porosity",
    "Protocol": "protocol",
    "load_protocol": "protocol",
    "measure_file": "reader",
    "measure_volume": "reader",
    "Overlay": "overlays",
    "drilled_endplate": "synthetic",
    "endplate_of_animal": "synthetic",
    "trabecular_field": "synthetic",
    "scan_power": "design",
}

__all__ = [*_FILES]


def __getattr__(name: str) -> Any:
    if name not in _FILES:
        raise AttributeError(f"module 'senospine.measure.volume' has no attribute '{name}'")
    return getattr(import_module(f"senospine.measure.volume.{_FILES[name]}"), name)
