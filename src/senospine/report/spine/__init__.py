"""The drawn spine: vertebra, endplate and disc of each arm, with marks that follow the simulated values."""

from senospine.report.spine.courses import SpineCourses, spine_courses
from senospine.report.spine.figure import CAPTION, draw_spine, spine_figure, spine_page, spine_script
from senospine.report.spine.quantities import QUANTITIES, shows_spine
from senospine.report.spine.write import write_spine

__all__ = [
    "CAPTION", "QUANTITIES", "SpineCourses", "draw_spine", "shows_spine", "spine_courses", "spine_figure", "spine_page",
    "spine_script", "write_spine",
]  # fmt: skip
