"""The former name of `all_figures`. The next release removes it."""

from fairloop.report.figures.all_figures import FIGURES, Study, write_all

__all__ = ["FIGURES", "Study", "write_all"]
