"""Checks of each of fairloop's kinds of people, and of kinds that inherit from them: invariants of their papers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from fairloop.people.adoption import Adoption
from fairloop.people.allocation import Allocation
from fairloop.people.interface import Kind, Streams
from fairloop.people.lending import Lending
from fairloop.people.performative import Performative
from fairloop.people.policies import demographic_parity, equal_opportunity, max_profit
from fairloop.people.selective_labels import SelectiveLabels
from fairloop.people.strategic import Strategic
from fairloop.testing.kinds import KindCase


def rejected_people_keep_their_scores(case: KindCase) -> None:
    """Lending: bit for bit; accepted people keep theirs within the bounds; groups stay."""
    kind = case.build()
    assert isinstance(kind, Lending)
    for before, played in case.play():
        people, after = played.people, played.state["scores"][played.people.identity]
        rejected = ~played.accepted
        assert np.array_equal(after[rejected], people.features[rejected, 0]), "a rejected person's score changes"
        low, high = kind.changes.bounds or (-np.inf, np.inf)
        assert ((after >= low) & (after <= high)).all(), f"a score leaves {low:g} to {high:g}"
        assert np.array_equal(played.state["groups"], before["groups"]), "a group changes"


def policies_equal_their_rates(case: KindCase) -> None:
    """Lending: equal selection rates or equal TPRs, before sampling; maximal profit is no less than either."""
    kind = case.build()
    assert isinstance(kind, Lending)
    law, bank = kind.law, kind.lender
    best, parity, equal = (policy(law, bank) for policy in (max_profit, demographic_parity, equal_opportunity))
    good = law.pmf * law.repays
    for name, rates in (
        ("selection rates", (law.pmf * parity).sum(axis=1)),
        ("TPRs", (good * equal).sum(axis=1) / good.sum(axis=1)),
    ):
        assert np.ptp(rates) < 1e-9, f"{name} of the policy that equals them are {rates}"
    profit, *others = (float((law.shares * bank.profit(law, one)).sum()) for one in (best, parity, equal))
    assert profit >= max(others) - 1e-12, f"maximal profit {profit:g} is less than {max(others):g}"


def outcomes_follow_the_features_alone(case: KindCase) -> None:
    """Selective labels: neither people nor outcomes depend on decisions of earlier rounds."""
    first, other = case.play(rule_seed=0), case.play(rule_seed=1)
    for (_, one), (_, two) in zip(first, other, strict=True):
        assert np.array_equal(one.people.features, two.people.features), "decisions change the people who come"
        assert np.array_equal(one.outcome, two.outcome), "decisions change outcomes"


def people_move_once_to_be_accepted(case: KindCase) -> None:
    """Strategic: accepted people stay; the published model accepts everybody who moves, at a worthwhile cost."""
    kind = case.build()
    assert isinstance(kind, Strategic)
    rule = case.rule(kind)
    people = kind.arrive(kind.start(case.n, Streams.of(0).arrivals), case.n, rule, Streams.of(0))
    base, moved = people.potential["base"], people.potential["moved"]
    before = np.asarray(rule.accepts(base, people.groups), dtype=bool)
    after = np.asarray(rule.accepts(people.features, people.groups), dtype=bool)
    assert not moved[before].any(), "an accepted person moves"
    assert after[moved].all(), "a person moves and is not accepted"
    assert np.array_equal(people.features[~moved], base[~moved]), "features change of a person who stays"
    cost = kind.kappa[people.groups] * kind.cost.of(people.features - base)
    assert (cost <= kind.gain * (1 + 1e-6)).all(), f"a move costs {cost.max():g}, more than its gain {kind.gain:g}"


def the_response_depends_on_the_weights_alone(case: KindCase) -> None:
    """Performative: earlier rounds do not affect the last round under a model; without weights nobody moves."""
    kind = case.build()
    assert isinstance(kind, Performative)
    rule, last = case.rule(kind), case.rounds - 1
    state = kind.start(case.n, Streams.of(0).arrivals)
    at_once = kind.arrive(state, case.n, rule, Streams.of(0, last))
    _, played = case.play()[last]
    assert np.allclose(played.people.features, at_once.features, atol=1e-12), "earlier rounds change the response"
    if "labels" in at_once.potential:
        assert np.array_equal(played.outcome, at_once.potential["labels"]), "the response changes labels"


def counts_grow_where_patrols_go(case: KindCase) -> None:
    """Allocation: without forgetting no count falls; without reports a region without patrols gains nothing."""
    kind = case.build()
    assert isinstance(kind, Allocation)
    for before, played in case.play():
        grown = played.state["counts"] - before["counts"]
        assert kind.urn.decay or (grown >= 0).all(), "a count falls, although nothing is forgotten"
        patrols = np.bincount(played.people.groups[played.accepted], minlength=len(grown))
        quiet = grown[patrols == 0]
        assert kind.urn.reported or (quiet <= 0).all(), "a region without patrols gains incidents"


def rates_stay_within_bounds(case: KindCase) -> None:
    """Adoption: labellers' rates are in [0, 1], and rates stay constant with rate 0 and anchor 0."""
    kind = case.build()
    assert isinstance(kind, Adoption)
    for before, played in case.play():
        rates = played.state["rates"]
        assert ((rates >= 0) & (rates <= 1)).all(), f"rates {rates} leave [0, 1]"
        deaf = (kind.rate == 0) & (kind.anchor == 0)
        assert np.array_equal(rates[deaf], before["rates"][deaf]), "labellers with rate 0 move"


KIND_LAWS: Mapping[type[Kind], tuple[Callable[[KindCase], None], ...]] = {
    Lending: (rejected_people_keep_their_scores, policies_equal_their_rates),
    SelectiveLabels: (outcomes_follow_the_features_alone,),
    Strategic: (people_move_once_to_be_accepted,),
    Performative: (the_response_depends_on_the_weights_alone,),
    Allocation: (counts_grow_where_patrols_go,),
    Adoption: (rates_stay_within_bounds,),
}
"""Further checks of kinds that inherit from these."""


def laws_of(kind: Kind) -> tuple[Callable[[KindCase], None], ...]:
    """The further checks of a kind."""
    return tuple(law for known, laws in KIND_LAWS.items() if isinstance(kind, known) for law in laws)
