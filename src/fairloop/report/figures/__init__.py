"""Figures from the tidy table and from galleries. Each draws on given axes, so that figures compose.

One module for each kind: `curves` (performance and fairness of one case), `generated` (its generators), `star`,
`latent`, `grids` (pictures), `compared` (comparisons of cases), `study_arms`, `demo`. `atlas.FIGURES` lists all.

In all figures, lines are means over seeds, and bands their pointwise 95 % intervals (Student's t). With too few
seeds for intervals, bars go from the lowest seed's value to the highest. Legends name the kind. A hollow marker shows
that the value is undefined in some seeds, or that some seeds have not reached the generation. Colours are distinct
for colour-blind readers, and dashes and markers differ, too. A figure without given axes makes its own, with a legend:
`accuracy(table).figure`.
"""

from fairloop.report.figures.measures import Measure
from fairloop.report.figures.style import PALETTE, save

__all__ = ["PALETTE", "Measure", "save"]
