"""The pictures of the pages in docs/people, from the kinds themselves: `python -m docs.people.pictures [NAME ...]`."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from fairloop.metrics.exploration import horvitz_thompson
from fairloop.people.adoption import Adoption
from fairloop.people.families import Coin, Location, gradient_descent, minimisation
from fairloop.people.interface import Streams
from fairloop.people.lending import Lending
from fairloop.people.outcome_curve import OutcomeCurve
from fairloop.people.policies import POLICIES, ScorePolicy
from fairloop.people.rounds import play
from fairloop.people.rules import GroupBelief, GroupThresholds, LinearRule
from fairloop.people.selective_labels import SelectiveLabels
from fairloop.people.strategic import Strategic
from fairloop.people.urns import Urn
from fairloop.report.figures import PALETTE, save
from fairloop.report.figures.style import dress

HERE = Path(__file__).parent


def panels() -> tuple[Figure, Axes, Axes]:
    """A figure with two panels."""
    figure = Figure(figsize=(8.4, 3.3), layout="constrained")
    left, right = figure.subplots(1, 2)
    return figure, left, right


def named(axes: Axes, x: str, y: str, title: str) -> None:
    """Names, a legend, and a title that says what is seen."""
    dress(axes, x, y)
    axes.set_title(title, fontsize=9)
    axes.legend(frameon=False, fontsize=8)


def lending() -> Figure:
    """Outcome curve of group A with the rates of three policies; its mean score over rounds under each."""
    figure, left, right = panels()
    kind = Lending()
    curve = OutcomeCurve.of(kind.law, 0, kind.changes)
    left.plot(curve.rates, curve.values, color="0.4", label="outcome curve of group A")
    left.axhline(0, color="0.7", linewidth=0.8)
    for colour, (name, policy) in zip(PALETTE, POLICIES.items(), strict=False):
        accepts = policy(kind.law, kind.lender)
        rate = float((kind.law.pmf[0] * accepts[0]).sum())
        left.plot([rate], [float(curve.at(rate))], "o", color=colour, label=name)
        state, found = kind.start(20_000, np.random.default_rng(0)), []
        for number in range(12):
            played = play(kind, state, 20_000, ScorePolicy(kind.law, accepts), Streams.of(0, number))
            state = played.state
            found.append(played.measures["mean_score"][0])
        right.plot(found, color=colour, label=name)
    named(left, "selection rate", "mean change of score", "one round, group A")
    named(right, "round", "mean score", "the same people, group A")
    left.xaxis.set_major_locator(MaxNLocator(5))
    return figure


def selective_labels() -> Figure:
    """The chance that a misjudged group is accepted, by round; the error of an estimate by exploration."""
    figure, left, right = panels()
    law = {"kind": "uniform", "low": (0.7,), "high": (0.7,)}
    for colour, share in zip(PALETTE, (0.0, 0.01, 0.05, 0.2), strict=False):
        accepted = np.zeros(8)
        for seed in range(150):
            belief = GroupBelief.of((0.3,), 10)
            for number in range(len(accepted)):
                accepted[number] += belief.rates[0] >= 0.5
                played = play(SelectiveLabels(law), {}, 100, belief, Streams.of(seed, number), share)
                belief = belief.updated(played.people.groups[played.accepted], played.outcome[played.accepted])
        left.plot(accepted / 150, color=colour, label=f"exploration {share:g}")
    shares = np.array([0.02, 0.05, 0.1, 0.2, 0.4, 0.8])
    kind, rule = SelectiveLabels({"kind": "uniform"}), GroupThresholds((0.8,))
    errors = []
    for share in shares:
        played = play(kind, {}, 300_000, rule, Streams.of(1), float(share))
        labels = np.where(played.accepted, played.outcome, np.nan).reshape(300, 1000)
        parts = zip(labels, played.propensity.reshape(300, 1000), strict=True)
        estimates = np.array([horvitz_thompson(*part).value for part in parts])
        errors.append((estimates - played.outcome.reshape(300, 1000).mean(axis=1)).std())
    law_of_errors = np.sqrt(0.8**2 / 2 * (1 - shares) / shares / 1000)
    right.plot(shares, law_of_errors, color="0.5", label="law: sqrt((1 - e) / e)")
    right.plot(shares, errors, "o", color=PALETTE[0], label="300 rounds of 1,000 people")
    named(left, "round", "P(group is accepted)", "a group with rate .7 and prior .3")
    left.legend(frameon=False, fontsize=8, loc="center right", bbox_to_anchor=(1, 0.57))
    named(right, "exploration e", "error of the estimated mean", "rejected people are seen with chance e")
    right.set(xscale="log", yscale="log")
    right.set_xticks(shares, [f"{share:g}" for share in shares])
    right.xaxis.set_minor_locator(NullLocator())
    right.set_yticks([0.01, 0.03, 0.1], ["0.01", "0.03", "0.1"])
    right.yaxis.set_minor_locator(NullLocator())
    return figure


def strategic() -> Figure:
    """Scores before and after the response; social burden of two groups by the threshold."""
    figure, left, right = panels()
    kind = Strategic(kappa=(1.0, 3.0))
    rule = LinearRule(np.array([1.0, 0.0]), 1.0)
    people = kind.arrive({}, 60_000, rule, Streams.of(0))
    bins = np.linspace(-4, 4, 65)
    for colour, values, name in (
        (PALETTE[0], people.potential["base"], "before"),
        (PALETTE[1], people.features, "after"),
    ):
        left.hist(values[:, 0], bins, histtype="step", color=colour, label=name, density=True)
    left.axvline(1, color="0.5", linestyle="--", label="threshold")
    base, groups, chance = (people.potential["base"], people.groups, people.potential["base_probability"])
    thresholds = np.linspace(-1, 3, 41)
    burden = np.array([kind.burden(base, groups, chance, LinearRule(rule.weights, t)) for t in thresholds])
    for group, colour in enumerate(PALETTE[:2]):
        right.plot(thresholds, burden[:, group], color=colour, label=f"{'AB'[group]}, kappa {kind.kappa[group]:g}")
    left.set_ylim(0, 0.6)
    named(left, "score w.x", "density (the bar reaches 2.3)", "people within reach stop at the threshold")
    named(right, "threshold", "social burden", "mean cost of acceptance, label 1")
    return figure


def performative() -> Figure:
    """Distances to the stable point under retraining; risks of stable and optimal point of the coin."""
    figure, left, right = panels()
    for colour, epsilon in zip(PALETTE, (0.5, 0.9, 1.1), strict=False):
        known = Location.of(1.0, epsilon)
        away = np.abs(minimisation(known, [0.0], 25)[:, 0] - known.stable()[0])
        left.semilogy(away, color=colour, label=f"epsilon {epsilon:g}")
    known = Location.of(1.0, -1.5)
    for path, dashes, name in (
        (minimisation(known, [0.0], 25), ":", "epsilon -1.5"),
        (gradient_descent(known, [0.0], 0.5, 25), "-.", "epsilon -1.5, gradient steps .5"),
    ):
        away = np.abs(path[:, 0] - known.stable()[0])
        left.semilogy(np.maximum(away, 1e-12), color=PALETTE[3], linestyle=dashes, label=name)
    coin, theta = Coin(0.2, 0.2), np.linspace(0, 0.6, 101)
    right.plot(theta, [coin.risk(np.array([one])) for one in theta], color="0.5", label="performative risk")
    for colour, name, point in ((PALETTE[0], "stable", coin.stable()), (PALETTE[1], "optimal", coin.optimum())):
        right.plot(point, [coin.risk(point)], "o", color=colour, label=name)
    named(left, "round", "distance to the stable point", "a location family, retrained each round")
    named(right, "theta", "risk", "the biased coin: stable is not optimal")
    left.set_ylim(1e-6, 1e11)
    right.xaxis.set_major_locator(MaxNLocator(5))
    return figure


def allocation() -> Figure:
    """Shares of patrols of single urns, without and with a correction."""
    figure, left, right = panels()
    rng = np.random.default_rng(0)
    for axes, correction in ((left, "none"), (right, "smallest")):
        urn = Urn(np.array([0.6, 0.4]), correction=correction)
        counts, path = np.full((12, 2), 10.0), []
        for _ in range(400):
            share = counts / counts.sum(axis=1, keepdims=True)
            path.append(share[:, 0])
            sent = rng.multinomial(10, share)
            counts = urn.after(counts, sent, urn.found(sent, rng), rng)
        axes.plot(path, color=PALETTE[0], alpha=0.5, linewidth=0.9)
        axes.axhline(0.6, color="0.3", linestyle="--", label="share of incidents")
        axes.set_ylim(0, 1)
        title = "every found incident counts" if correction == "none" else "incidents are kept by smallest / own share"
        named(axes, "round", "share of patrols in region 1", title)
    return figure


def adoption() -> Figure:
    """Labellers' rates to their fixed points; the published experiment beside the fit that gives the default rate."""
    figure, left, right = panels()
    for colour, (name, arguments) in zip(
        PALETTE,
        {
            "factor .8, offset .06": {"offset": 0.06, "factor": 0.8},
            "the same, a round late": {"offset": 0.06, "factor": 0.8, "delay": True},
            "factor 1: a copy": {},
            "factor 1.3 about .4": {"offset": 0.4 * -0.3, "factor": 1.3},
        }.items(),
        strict=False,
    ):
        kind, found = Adoption(0.5, 0.25, **arguments), []
        state = kind.start(1, np.random.default_rng(0))
        for number in range(40):
            found.append(state["rates"][0])
            state = play(kind, state, 1, None, Streams.of(0, number)).state
        left.plot(found, color=colour, label=name)
    changes = np.array([0.0084, 0.0284, 0.0624, 0.0928, 0.0852, 0.1156])
    blocks = np.arange(7)
    right.plot(blocks[1:], changes, "o", color=PALETTE[0], label="Glickman and Sharot (2025), AI partner")
    right.plot(blocks, (0.6533 - 0.4988) * (1 - (1 - 0.164) ** blocks), color="0.4", label="rate .164 a block")
    named(left, "round", "labellers' rate h", "rate a = .25")
    named(right, "block of 50 judgements", "change of the rate", "where the default rate comes from")
    return figure


PICTURES = {
    "lending": lending,
    "selective-labels": selective_labels,
    "strategic": strategic,
    "performative": performative,
    "allocation": allocation,
    "adoption": adoption,
}


def main() -> None:
    """Draw the pictures that are asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*PICTURES, []], help="which; default: all")
    for name in parser.parse_args().names or PICTURES:
        save(PICTURES[name](), HERE / f"{name}.png")


if __name__ == "__main__":
    main()
