"""Faces of a result: the mechanism's picture, the terminal's table, the page a biologist reads. No science here."""

from senospine.report.arrows import Arrow, mechanism_arrows
from senospine.report.mechanism import mechanism_svg, write_mechanism
from senospine.report.page import write_report
from senospine.report.spine import draw_spine, write_spine

__all__ = ["Arrow", "draw_spine", "mechanism_arrows", "mechanism_svg", "write_mechanism", "write_report", "write_spine"]
