"""Figures from the tidy table and from galleries. Each draws on axes that it is given, so that figures compose.

One module for each kind: `curves` (performance and fairness of one case), `generated` (its generators), `star`,
`latent`, `grids` (pictures), `compared` (cases beside each other), `study_arms`, `demo`. `atlas.FIGURES` names all.

Common to all: lines are means over seeds, bands their 95 % intervals (Student's t, each point alone). Where
there are too few seeds for these, bars go from the lowest seed's value to the highest. Legends say which it is. A
hollow marker says that the value is undefined in some seeds, or that some have not come that far. Colours stay apart
for colour-blind readers, and dashes and markers differ, too. A figure that is given no axes makes some, with a legend:
`accuracy(table).figure`.
"""

from fairloop.report.figures.measures import Measure
from fairloop.report.figures.style import PALETTE, save

__all__ = ["PALETTE", "Measure", "save"]
