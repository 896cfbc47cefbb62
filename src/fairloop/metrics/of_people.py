"""Entries of the catalogue about populations that respond: the measures of each kind of people in a round."""

from __future__ import annotations

from functools import partial
from math import inf

from fairloop.metrics.entry import Entry

_of_groups = partial(Entry, roles=("people",), splits=("true",), parts=("group",))
_of_all = partial(Entry, roles=("people",), splits=("true",), parts=("overall",))
_NOBODY = "the group has no people in the round"

ENTRIES = (
    _of_groups(
        name="seen_share", title="share of known labels", zero="of nobody", one="of everybody", undefined=_NOBODY,
        sentence="The share of accepted people, whose label can become known.",
        detail="Kind `selective-labels`.",
    ),
    _of_groups(
        name="seen_rate", title="rate among accepted people", zero="none", one="all", undefined="nobody is accepted",
        sentence="The share of the beneficial label among accepted people.", detail="Kind `selective-labels`.",
    ),
    _of_groups(
        name="true_rate", title="rate among all people", zero="none", one="all", undefined=_NOBODY,
        sentence="The share of the beneficial label among all people of the round.", detail="Kind `selective-labels`.",
    ),
    _of_groups(
        name="mean_score", title="mean score of people", low=-inf, high=inf, direction="up", undefined=_NOBODY,
        sentence="The mean score at the time of the decision.", detail="Kind `lending`.",
    ),
    _of_groups(
        name="score_change", title="change of scores", low=-inf, high=inf, direction="up", undefined=_NOBODY,
        sentence="The mean change of the score after the decision; rejected people count with 0.",
        detail="Kind `lending`.", source="Liu et al., 2018, arXiv 1803.04383",
    ),
    _of_groups(
        name="expected_score_change", title="expected change of scores", low=-inf, high=inf, direction="up",
        undefined=_NOBODY,
        sentence="The mean over people of the expected change of their score; rejected people count with 0.",
        detail="Kind `lending`. In the first round a point of the outcome curve, within sampling error.",
        source="Liu et al., 2018, arXiv 1803.04383",
    ),
    _of_all(
        name="profit", title="profit per applicant", low=-inf, high=inf, undefined="nobody comes",
        sentence="The mean profit of the lender over all applicants; rejected ones count with 0.",
        detail="Kind `lending`, in the unit of `people.arguments.profit`.",
    ),
    _of_groups(
        name="moved_share", title="share that moved", zero="nobody", one="everybody", undefined=_NOBODY,
        sentence="The share of people who changed their features for the decision.", detail="Kind `strategic`.",
    ),
    _of_groups(
        name="mean_cost", title="mean cost of moves", high=inf, direction="down", undefined=_NOBODY,
        sentence="The mean cost of changed features; people who did not move count with 0.",
        detail="Kind `strategic`.",
    ),
    _of_groups(
        name="social_burden", title="social burden", high=inf, direction="down",
        sentence="The mean least cost of acceptance, over people weighted by their chance of the beneficial label.",
        zero="all of them are accepted without a move", undefined="the published model is not linear",
        detail="Kind `strategic`. People count even if the move is not worth its cost.",
        source="Milli, Miller, Dragan and Hardt, 2019, arXiv 1808.08460",
    ),
    _of_all(
        name="distance_to_stable", title="distance to the stable point", high=inf,
        sentence="The distance of the published weights from the stable weights, which a new fit does not change.",
        undefined="the published model is not linear", detail="Kind `performative`.",
        source="Perdomo et al., 2020, arXiv 2002.06673",
    ),
    _of_all(
        name="distance_to_optimal", title="distance to the optimal point", high=inf,
        sentence="The distance of the published weights from the weights with the least loss after the response.",
        undefined="the published model is not linear", detail="Kind `performative`.",
        source="Perdomo et al., 2020, arXiv 2002.06673",
    ),
    _of_groups(
        name="patrol_share", title="share of patrols", zero="none", one="all",
        sentence="The share of a region in the counts at the start of the round, which determine its patrols.",
        detail="Kind `allocation`. A group is a region.", source="Ensign et al., 2018, arXiv 1706.09847",
    ),
    _of_groups(
        name="excess_share", title="excess share of patrols", low=-1, direction="to 0", zero="as incidents are",
        sentence="The share of patrols less the region's share of incidents.", detail="Kind `allocation`.",
    ),
    _of_groups(
        name="labeller_rate", title="rate of labellers", zero="none", one="all",
        sentence="The rate at which labellers of a group give the beneficial label.", detail="Kind `adoption`.",
    ),
    _of_groups(
        name="model_rate", title="rate of the model", low=-inf, high=inf, undefined="the group has no cases",
        sentence="The rate of the model that labellers of a group observe.", detail="Kind `adoption`.",
    ),
    _of_groups(
        name="clipped", title="rate at its bound", zero="within [0, 1]", one="set to 0 or 1",
        sentence="Whether the rate of labellers was clipped to [0, 1] after the previous round.",
        detail="Kind `adoption`.",
    ),
)  # fmt: skip
