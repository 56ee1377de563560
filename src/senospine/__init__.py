"""An in-silico laboratory for senolytic therapy of spinal pain."""

__version__ = "0.1.0"
