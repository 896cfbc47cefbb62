"""The former name of `all_figures`, for one more release."""

from fairloop.report.figures.all_figures import FIGURES, Study, write_all

__all__ = ["FIGURES", "Study", "write_all"]
