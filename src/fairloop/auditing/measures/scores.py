"""The scores of one round: AUC, calibration, and distances between groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fairloop.auditing.log.rounds import MISSING, Scored
from fairloop.auditing.measures.rates import RoundRates
from fairloop.auditing.measures.readings import Reading, certain, reading
from fairloop.metrics import calibration, distances, observed_at_random
from fairloop.metrics.distances import Noise
from fairloop.metrics.group_rates import divide
from fairloop.metrics.intervals import Ends, Estimate, critical, stacked, wilson
from fairloop.metrics.joint_bounds import sampled_auc_bounds
from fairloop.metrics.propensity import FEWEST
from fairloop.metrics.scores import ScoreTable, auc_of
from fairloop.metrics.statistics import ALPHA

LABELLED = ("auc", "brier", "calibration_error")
"""Measures of scores that need labels. The Brier score and the calibration error (squared, less its bias) need scores
in [0, 1]."""

FREE = ("score_mean", "score_ks", "score_wasserstein", "score_shift_ks", "score_shift_wasserstein")
"""Measures of scores that need no label: means; distances from the reference group, and from the first round."""

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_MOST_ROWS = 2_000_000  # of a group; bounds of the AUC of larger groups are left out

Floats = NDArray[np.float64]
Estimated = Callable[["Part"], Callable[[float], tuple[float, ...]]]


class Part(NamedTuple):
    """Scores of some people; (C,) arrays.

    keys, scores, decile: as in `cells.Cells`. label: 0, 1, or MISSING. selected: whether selected. n, weight, square:
    sums of rows, of weights, and of squared weights. inverse, inverse_square: those of labelled rows over propensities.
    """

    keys: Floats
    scores: Floats
    decile: NDArray[np.int64]
    label: NDArray[np.int64]
    selected: NDArray[np.int64]
    n: Floats
    weight: Floats
    square: Floats
    inverse: Floats
    inverse_square: Floats

    def where(self, which: NDArray[np.bool_]) -> Part:
        """The people in some of the cells."""
        return Part._make(column[which] for column in self)

    def by_propensity(self) -> Part:
        """The labelled people, as representatives of all people."""
        return self._replace(weight=self.inverse, square=self.inverse_square).where(self.label != MISSING)

    def by_kind(self, values: Floats) -> Floats:
        """(2, 2) sums over labelled people by decision (rejected, selected) and label (0, 1)."""
        return np.bincount(2 * self.selected + self.label, values, 4).astype(np.float64).reshape(2, 2)

    @property
    def people(self) -> float:
        """Kish's number of people."""
        return float(divide(self.weight.sum() ** 2, self.square.sum()))


@dataclass(frozen=True)
class RoundScores:
    """Scores in one round. rates: of the round. reference: the position of the reference group. first: the first
    round.
    """

    scored: Scored
    rates: RoundRates
    reference: int
    first: RoundScores | None = None
    _distances: dict[tuple[int, bool], tuple[distances.Distance, Noise] | None] = field(default_factory=dict)

    @cached_property
    def parts(self) -> list[Part]:
        """The scores of all people, then of each group."""
        size, cells = len(self.rates.rounds.groups), self.scored.cells
        inside = slice(*np.searchsorted(cells.strata, np.array([self.rates.place, self.rates.place + 1]) * size * 6))
        sums = {name: values[inside] for name, values in cells.sums.items()}
        n, none = sums["n"], np.zeros(len(sums["n"]))
        every = Part(
            cells.keys[inside], cells.scores[inside], cells.decile[inside], cells.strata[inside] // 2 % 3,
            cells.strata[inside] % 2, n, sums.get("w", n), sums.get("ww", n), sums.get("v", none), sums.get("vv", none),
        )  # fmt: skip
        groups = cells.strata[inside] // 6 - self.rates.place * size
        edges = np.searchsorted(groups, np.arange(size + 1))
        return [every, *(Part._make(column[a:b] for column in every) for a, b in pairwise(edges))]

    def reading(self, metric: str) -> Reading:
        """The reading of a measure in `LABELLED` or `FREE` from the round."""
        people = np.array([part.n.sum() for part in self.parts])
        if metric in FREE:
            return self._free(metric, people)
        if metric != "auc" and not self.scored.proper:
            return reading({}, "undefined", "scores lie outside [0, 1]", people, people)
        labelled = np.array([part.n[part.label != MISSING].sum() for part in self.parts])
        status, reason = self._status(metric)
        estimates = {"auc": self._auc, "brier": self._brier, "calibration_error": self._calibration}[metric]
        found = [self._by_propensity(metric, part, estimates) if one == "weighted"
                 else estimates(part.where(part.label != MISSING))
                 for part, one in zip(self.parts, status, strict=True)]  # fmt: skip
        known = certain(partial(_stacked, found))
        sources: dict[Any, Any] = {"measured": known, "weighted": known}
        if (status == "bounded").any():
            bounds = [
                self._bounds(metric, part, most) if one == "bounded" else None
                for part, most, one in zip(self.parts, self.rates.most, status, strict=True)
            ]
            lost = (status == "bounded") & [one is None for one in bounds]
            status[lost] = "undefined"
            reason[lost] += "; its bounds are not computed"
            sources["bounded"] = partial(_of_bounds, bounds)
        errors = np.array([one(ALPHA)[3] for one in found])
        return reading(sources, status, reason, labelled, people, errors)

    def _status(self, metric: str) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
        """The status of a rate that needs all labels. With propensities, each label needs enough explored people."""
        status, reason = self.rates.status("accuracy", (0, 1))
        for place, part in enumerate(self.parts):
            chance = part.inverse > part.weight * (1 + 1e-9)
            few = min(part.n[chance & (part.label == label)].sum() for label in (0, 1))
            if status[place] == "weighted" and few < FEWEST:
                status[place] = "bounded"
                reason[place] = f"propensities need {FEWEST} explored people of each label; there are {few:.0f}"
        return status, reason

    def _auc(self, part: Part) -> Callable[[float], tuple[float, ...]]:
        _, place = np.unique(part.keys, return_inverse=True)
        size = place.max(initial=-1) + 1
        sums = [
            np.bincount(place, weight * (part.label == label), size).astype(np.float64)
            for weight in (part.weight, part.square) for label in (1, 0)
        ]  # fmt: skip
        found = auc_of(ScoreTable(*sums), self._doubt(sums))

        def estimate(alpha: float) -> tuple[float, ...]:
            interval = found.interval(alpha)
            return found.value, float(interval.low), float(interval.high), found.error

        return estimate

    def _by_propensity(self, metric: str, part: Part, estimates: Estimated) -> Callable[[float], tuple[float, ...]]:
        """The measure with the interval of `metrics.observed_at_random`, if each kind has two people or more, so that
        its mean has an error.
        """
        people = part.by_propensity()
        plain = estimates(people)
        if metric == "calibration_error" or (people.by_kind(people.n) < 2).any():
            return plain
        of_kinds = {"auc": self._auc_of_kinds, "brier": _brier_of_kinds}[metric]

        def estimate(alpha: float) -> tuple[float, ...]:
            found = of_kinds(people, alpha)
            return plain(alpha)[0], float(found.low), float(found.high), plain(alpha)[3]

        return estimate

    def _auc_of_kinds(self, part: Part, alpha: float) -> Estimate:
        _, place = np.unique(part.keys, return_inverse=True)
        size = place.max() + 1
        negative, positive = (
            observed_at_random.Placed(*(
                np.stack([np.bincount(place, sums * (part.label == label) * (part.selected == side), size)
                          for side in (0, 1)]).astype(np.float64)
                for sums in (part.weight, part.square)
            ))
            for label in (0, 1)
        )  # fmt: skip
        found = observed_at_random.auc(negative, positive, alpha)
        doubt = self._doubt([one.weights.sum(axis=0) for one in (positive, negative)])
        return Estimate(found.value, (found.low - doubt).clip(0), (found.high + doubt).clip(max=1))

    def _doubt(self, sums: Sequence[Floats]) -> float:
        """The largest error of the AUC by bins: half the share of pairs in one bin."""
        if not self.scored.cells.width:
            return 0.0
        return float((divide(sums[0], sums[0].sum()) * divide(sums[1], sums[1].sum())).sum() / 2)

    def _brier(self, part: Part) -> Callable[[float], tuple[float, ...]]:
        return _mean(part, (part.scores - part.label) ** 2)

    def _calibration(self, part: Part) -> Callable[[float], tuple[float, ...]]:
        value = calibration.mitigated_squared_error(curve(part))
        return lambda alpha: (value, np.nan, np.nan, np.nan)

    def _bounds(self, metric: str, part: Part, most: float) -> Ends | None:
        """Worst-case bounds over the missing labels, with a share of at most `most` of label 1; None if they take too
        long.
        """
        if metric == "brier":
            errors = [np.where(part.label == MISSING, pick(part.scores**2, (1 - part.scores) ** 2),
                               (part.scores - part.label) ** 2) for pick in (np.minimum, np.maximum)]  # fmt: skip
            low, high = (float(divide((part.weight * error).sum(), part.weight.sum())) for error in errors)
            return _without_error(low, high)
        if metric == "auc" and part.n.sum() <= _MOST_ROWS and (part.weight == part.n).all():
            often = part.n.round().astype(np.int64)
            label = np.where(part.label == MISSING, np.nan, part.label)
            _, place = np.unique(part.keys, return_inverse=True)
            doubt = self._doubt([np.bincount(place, part.n).astype(np.float64)] * 2)
            found = sampled_auc_bounds(np.repeat(part.keys, often), np.repeat(label, often), most, doubt)
            return None if np.isnan(found.low.value) else found.interval
        return None

    def _free(self, metric: str, people: Floats) -> Reading:
        if metric == "score_mean":
            means = [_mean(part, part.scores) for part in self.parts]
            known = certain(partial(_stacked, means, bounded=False))
            errors = [one(ALPHA)[3] for one in means]
            return reading({"measured": known}, "measured", "", people, people, errors)
        shift, distance = metric.startswith("score_shift"), metric.rpartition("_")[2]
        found = [self.distance(place, shift) for place in range(len(self.parts))]
        values = np.array([np.nan if one is None else getattr(one[0], distance) for one in found])
        reasons = [_noise_said(one, distance) for one in found]
        none = np.full(len(values), np.nan)
        return reading(
            {"measured": lambda alpha: (Estimate(values, none, none),) * 2}, "measured", np.array(reasons, object),
            people, people,
        )  # fmt: skip

    def distance(self, place: int, shift: bool) -> tuple[distances.Distance, Noise] | None:
        """The distance of a part's scores from the reference group's, and the mean distance of two samples of one
        distribution.

        shift: the distance from the part's own scores in the first round. None without a comparison.
        """
        if (place, shift) not in self._distances:
            self._distances[place, shift] = self._distance(place, shift)
        return self._distances[place, shift]

    def _distance(self, place: int, shift: bool) -> tuple[distances.Distance, Noise] | None:
        one = self.parts[place]
        if shift:
            other = (self.first or self).parts[place]
        elif place:
            other = self.parts[1 + self.reference]
        else:
            return None
        if not (one.weight.sum() and other.weight.sum()):
            return None
        keys, where = np.unique(np.concatenate([one.keys, other.keys]), return_inverse=True)
        sums = [np.bincount(where[a:b], part.weight, len(keys)).astype(np.float64)
                for part, a, b in ((one, 0, len(one.keys)), (other, len(one.keys), None))]  # fmt: skip
        values = keys * (self.scored.cells.width or 1.0)
        return distances.apart(values, *sums), distances.noise(values, sums[0] + sums[1], [one.people, other.people])


def _noise_said(found: tuple[distances.Distance, Noise] | None, distance: str) -> str:
    if found is None:
        return "there is nothing to compare it with"
    mean = getattr(found[1], distance)
    top = f", at most {found[1].ks_top:.3f} in 95 %" if distance == "ks" else ""
    return f"two samples of one distribution are {mean:.3f} apart on average{top}"


def _mean(part: Part, values: Floats) -> Callable[[float], tuple[float, ...]]:
    """A weighted mean with a normal interval, and its standard error."""
    total = part.weight.sum()
    value = float(divide((part.weight * values).sum(), total))
    variance = divide((part.square * (values - value) ** 2).sum(), total**2)
    error = float(np.sqrt(variance * divide(part.people, part.people - 1)))

    def estimate(alpha: float) -> tuple[float, ...]:
        reach = float(critical(alpha)) * error
        return value, value - reach, value + reach, error

    return estimate


def _brier_of_kinds(part: Part, alpha: float) -> Estimate:
    errors = (part.scores - part.label) ** 2
    inside = [(part.selected == side) & (part.label == label) for side in (0, 1) for label in (0, 1)]
    each = [observed_at_random.mean_within(part.weight[one], part.square[one], errors[one], alpha) for one in inside]
    means = Estimate(*(np.reshape([getattr(one, end) for one in each], (2, 2)) for end in ("value", "low", "high")))
    sides = observed_at_random.Kinds(part.by_kind(part.weight), part.by_kind(part.square))
    return observed_at_random.mean(sides, means, alpha)


def _stacked(found: Sequence[Callable[[float], tuple[float, ...]]], alpha: float, bounded: bool = True) -> Estimate:
    value, low, high = np.array([one(alpha)[:3] for one in found]).T
    return Estimate(value, low.clip(0), high.clip(max=1)) if bounded else Estimate(value, low, high)


def _without_error(low: float, high: float) -> Ends:
    nan = np.asarray(np.nan)
    ends = Estimate(np.asarray(low), nan, nan), Estimate(np.asarray(high), nan, nan)
    return lambda alpha: ends


def _of_bounds(bounds: Sequence[Ends | None], alpha: float) -> tuple[Estimate, Estimate]:
    """(S + 1,) lower and upper bounds; NaN without bounds."""
    none = (Estimate(*(np.asarray(np.nan),) * 3),) * 2
    lower, upper = zip(*(none if one is None else one(alpha) for one in bounds), strict=True)
    return stacked(lower), stacked(upper)


def curve(part: Part) -> calibration.Reliability:
    """The reliability curve of labelled people."""
    return calibration.curve(part.decile, part.scores, part.label.astype(np.float64), part.weight, part.square)


def reliability(rounds: Sequence[RoundScores]) -> pd.DataFrame:
    """The reliability curve of all people and each group in each round, a row for each bin, with 95 % intervals.

    If missing labels leave the share of the beneficial label in a bin open, `observed` is NaN, and `lower` and
    `upper` are its bounds.
    """
    rows = []
    for one in rounds:
        if one.rates.missing.immature[one.rates.place] or not one.scored.proper:
            continue
        status, _ = one.rates.status("accuracy", (0, 1))
        for name, part, state in zip(("overall", *one.rates.rounds.groups), one.parts, status, strict=True):
            place = {"round": one.rates.rounds.names[one.rates.place], "group": name}
            rows += [{**place, **row} for row in _bins(part, state)]
    return pd.DataFrame(rows)


def _bins(part: Part, status: str) -> list[dict[str, Any]]:
    labelled = part.by_propensity() if status == "weighted" else part.where(part.label != MISSING)
    found = curve(labelled)
    interval = wilson(found.observed, found.people, critical(ALPHA))
    known, open_ = part.label != MISSING, status in ("bounded", "undefined")
    people, seen, weight, hits, gone = (
        np.bincount(part.decile, values, 10)
        for values in (part.n, part.n * known, part.weight, part.weight * (part.label == 1), part.weight * ~known)
    )
    rows = []
    for i in np.nonzero(people)[0].tolist():
        bounded = open_ and gone[i] > 0
        nan = np.nan
        rows.append({
            "from": i / 10, "to": (i + 1) / 10, "labelled": int(seen[i]), "people": int(people[i]),
            "score": found.score[i], "observed": nan if bounded else found.observed[i],
            "low": nan if bounded else interval.low[i], "high": nan if bounded else interval.high[i],
            "lower": hits[i] / weight[i] if bounded else nan,
            "upper": (hits[i] + gone[i]) / weight[i] if bounded else nan,
        })  # fmt: skip
    return rows


def distributions(rounds: Sequence[RoundScores]) -> pd.DataFrame:
    """Quantiles of scores of all people and each group in each round, and distances beside their expectation by
    chance.
    """
    rows = []
    for one in rounds:
        for place, (name, part) in enumerate(zip(("overall", *one.rates.rounds.groups), one.parts, strict=True)):
            rows.append(
                {"round": one.rates.rounds.names[one.rates.place], "group": name, "people": int(part.n.sum())}
                | {f"q{100 * q:02.0f}": value for q, value in zip(QUANTILES, _quantiles(part), strict=True)}
                | _distances("", one.distance(place, shift=False))
                | _distances("shift_", one.distance(place, shift=True))
            )  # fmt: skip
    return pd.DataFrame(rows)


def _distances(prefix: str, found: tuple[distances.Distance, Noise] | None) -> dict[str, float]:
    names = ("ks", "ks_noise", "ks_noise_95", "wasserstein", "wasserstein_noise")
    values = [np.nan] * len(names)
    if found is not None:
        apart, noise = found
        values = [apart.ks, noise.ks, noise.ks_top, apart.wasserstein, noise.wasserstein]
    return {prefix + name: value for name, value in zip(names, values, strict=True)}


def _quantiles(part: Part) -> Floats:
    """The quantiles of weighted scores; NaN without people."""
    if not part.weight.sum():
        return np.full(len(QUANTILES), np.nan)
    order = np.argsort(part.scores, kind="stable")
    below = part.weight[order].cumsum() / part.weight.sum()
    return part.scores[order][np.minimum(np.searchsorted(below, np.array(QUANTILES) - 1e-12), len(below) - 1)]
