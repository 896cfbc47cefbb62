"""The FICO tables: their schema on a fixture, and the published experiment where FAIRLOOP_FICO names the real files."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linprog

from fairloop.errors import InputError
from fairloop.people.lending import Lending
from fairloop.people.outcome_curve import Changes, OutcomeCurve
from fairloop.people.policies import POLICIES, Lender
from fairloop.people.scores import fico

HEADER = "Score,Non- Hispanic white,Black,Hispanic,Asian"
PERCENTILES = [one / 2 for one in range(201) if one / 2 not in (72.5, 77.5, 92.5)]

# rate, TPR, boundary score, probability there, mean change, profit; by loss and policy, for Black and white.
TABLE = {
    (-4, "max-profit"): (
        (0.167700, 0.449623, 645.000, 1, 8.25664, 0.085804),
        (0.663400, 0.833544, 613.750, 1, 38.26027, 0.508341),
    ),
    (-4, "demographic-parity"): (
        (0.577400, 0.923921, 479.231, 0.7738, -17.28266, -0.754869),
        (0.577400, 0.736738, 649.167, 1, 34.63528, 0.485119),
    ),
    (-4, "equal-opportunity"): (
        (0.356100, 0.791338, 557.292, 1, 5.87262, -0.092774),
        (0.624882, 0.791338, 630.417, 0.7390, 36.83335, 0.502310),
    ),
    (-10, "max-profit"): (
        (0.077200, 0.217520, 716.176, 1, 4.25590, 0.033272),
        (0.557600, 0.713220, 656.522, 1, 33.59078, 0.376117),
    ),
    (-10, "demographic-parity"): (
        (0.341500, 0.773245, 562.500, 1, 6.69257, -0.552402),
        (0.341500, 0.442954, 730.882, 0.9600, 19.87093, 0.281635),
    ),
    (-10, "equal-opportunity"): (
        (0.258000, 0.641308, 601.250, 1, 9.22675, -0.205842),
        (0.498618, 0.641308, 676.449, 0.1695, 30.16242, 0.365793),
    ),
}
REGIONS = {
    (-4, "max-profit"): "no change",
    (-4, "demographic-parity"): "active harm",
    (-4, "equal-opportunity"): "relative harm",
    (-10, "max-profit"): "no change",
    (-10, "demographic-parity"): "relative improvement",
    (-10, "equal-opportunity"): "relative improvement",
}
TOTALS = {-4: (0.457354, 0.335491, 0.430502), -10: (0.334746, 0.180993, 0.296814)}
MEANS = (
    (515.81178, 525.06010, 533.00673, 536.38018, 536.43358, 536.51922),
    (651.30503, 689.08558, 711.06128, 717.61917, 717.60682, 717.65494),
)
ABOVE = (
    (0.21680, 0.18957, 0.18203, 0.18150, 0.18065, 0.18025),
    (0.64910, 0.62320, 0.61807, 0.61763, 0.61717, 0.61687),
)


def written(folder: Path) -> Path:
    """Tables with the schema of the real ones and other numbers."""
    x = np.array(PERCENTILES)
    cdf = [100 * (x / 100) ** power for power in (1.3, 0.5, 0.8, 1.1)]
    bad = [100 * np.exp(-x / scale) for scale in (20, 35, 30, 22)]
    for name, columns in (("cdf", cdf), ("performance", bad)):
        rows = [f"{one:g},{','.join(f'{column[i]:.2f}' for column in columns)}" for i, one in enumerate(PERCENTILES)]
        (folder / f"transrisk_{name}_by_race_ssa.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    (folder / "totals.csv").write_text(HEADER.replace("Score", "Kind") + "\nSSA,133165,18274,14702,7906\n")
    return folder


@pytest.fixture
def tables(tmp_path):
    """A directory, and whether it is the real one."""
    real = os.environ.get("FAIRLOOP_FICO")
    return (Path(real), True) if real else (written(tmp_path), False)


def close(found, wanted, digits):
    """Equal to the last digit that is given."""
    assert np.asarray(found) == pytest.approx(np.asarray(wanted), abs=0.51 * 10**-digits)


def numbers_of(law, accepts, group):
    pmf, repays, changes = law.pmf[group], law.repays[group], Changes()
    place = np.flatnonzero(accepts[group] > 0)[0]
    expected = changes.expected(law.scores, repays)
    rate, good = (pmf * accepts[group]).sum(), pmf * repays
    return (
        rate,
        (good * accepts[group]).sum() / good.sum(),
        law.scores[place],
        accepts[group][place],
        (pmf * accepts[group] * expected).sum(),
    )


def five_rounds(law, group):
    """Mean score and share at least 620, exactly: the same people, accepted from 620 on, as a distribution."""
    scores, mass, changes = law.scores, law.pmf[group], Changes()
    found = []
    for _ in range(6):
        found.append(((scores * mass).sum(), mass[scores >= 620].sum()))
        chance = law.repayment(scores, np.full(len(scores), group))
        taken = scores >= 620
        up, down = (np.where(taken, changes.after(scores, np.full(len(scores), one)), scores) for one in (True, False))
        scores, places = np.unique(np.concatenate([up, down]), return_inverse=True)
        mass = np.bincount(places, np.concatenate([mass * chance, mass * (1 - chance)]))
    return np.transpose(found)


def test_the_tables_are_read_with_their_schema(tables):
    folder, real = tables
    law = fico(folder)
    assert law.groups == ("Black", "Non- Hispanic white")
    assert law.shares == pytest.approx((0.12066905, 0.87933095), abs=1e-8)
    assert (len(law.scores), law.scores[0], law.scores[-1]) == (198, 300, 850)
    assert law.pmf.sum(axis=1) == pytest.approx([1, 1])
    for loss in (-4, -10):
        bank = Lender(1, loss)
        profits = [(law.shares * bank.profit(law, policy(law, bank))).sum() for policy in POLICIES.values()]
        assert profits[0] >= profits[2] >= profits[1]
    if real:
        matches_the_reference(law)
        scores_alone_are_not_the_best_where_repayment_falls(folder)


def matches_the_reference(law):
    for (loss, name), rows in TABLE.items():
        bank = Lender(1, loss)
        accepts = POLICIES[name](law, bank)
        for group, row in enumerate(rows):
            found = numbers_of(law, accepts, group)
            for value, wanted, digits in zip(found, row, (6, 6, 3, 4, 5), strict=False):
                close(value, wanted, digits)
            assert bank.profit(law, accepts)[group] == pytest.approx(row[5], abs=1.1e-6)
            rate = (law.pmf[group] * POLICIES["max-profit"](law, bank)[group]).sum()
            if group == 0:
                assert OutcomeCurve.of(law, 0, Changes()).region(found[0], rate) == REGIONS[loss, name]
    for loss, wanted in TOTALS.items():
        bank = Lender(1, loss)
        close([(law.shares * bank.profit(law, policy(law, bank))).sum() for policy in POLICIES.values()], wanted, 6)
    close((law.pmf * law.scores).sum(axis=1), (515.81178, 651.30503), 5)
    close((law.pmf * law.repays).sum(axis=1), (0.336551, 0.758674), 6)
    matches_the_curves(law)


def scores_alone_are_not_the_best_where_repayment_falls(folder):
    """Hispanic and Asian people, loss -6: the best rule over all scores gains 1.7e-4 more of P(repaid) - break-even."""
    law, bank = fico(folder, ("Hispanic", "Asian")), Lender(1, -6)
    value = law.shares[:, None] * law.pmf * bank.utility(law.repays)
    equal = np.concatenate([law.pmf[0], -law.pmf[1]])[None]
    best = -linprog(-value.ravel(), A_eq=equal, b_eq=[0], bounds=(0, 1), method="highs").fun
    found = (value * POLICIES["demographic-parity"](law, bank)).sum()
    assert (best - found) / (bank.gain - bank.loss) == pytest.approx(1.7e-4, abs=6e-6)


def matches_the_curves(law):
    marks = ((0.238400, 9.34400, 0.429759, -52.81948), (0.737800, 39.41961, np.nan, 21.48756))
    bars = ((0.303464, 0.380293), (0.795709, 0.857474))
    for group in (0, 1):
        curve = OutcomeCurve.of(law, group, Changes())
        found = [curve.best, curve.values.max(), curve.falls_to(0), curve.at(1)]
        assert found == pytest.approx(marks[group], abs=6e-6, nan_ok=True)
        rates = [(law.pmf[group] * POLICIES["max-profit"](law, Lender(1, loss))[group]).sum() for loss in (-4, -10)]
        close([curve.falls_to(float(curve.at(rate))) for rate in rates], bars[group], 6)
        free = OutcomeCurve.of(law, group, Changes(bounds=None))
        close(free.at(rates[0]), (8.89220, 42.77734)[group], 5)
        accepts, chance = POLICIES["max-profit"](law, Lender(1, -4))[group], law.repays[group]
        mean = np.clip(law.scores + 75 * chance - 150 * (1 - chance), 300, 850) - law.scores
        close((law.pmf[group] * accepts * mean).sum(), (8.39706, 38.66559)[group], 5)
        close(spread_of_change(law, accepts, group), (32.901, 47.947)[group], 3)
        means, above = five_rounds(law, group)
        close(means, MEANS[group], 5)
        close(above, ABOVE[group], 5)


def spread_of_change(law, accepts, group):
    """Standard deviation of a member's change."""
    up, down = (Changes().after(law.scores, np.full(len(law.scores), one)) - law.scores for one in (True, False))
    chance, mass = law.repays[group], law.pmf[group] * accepts
    mean = (mass * (chance * up + (1 - chance) * down)).sum()
    return np.sqrt((mass * (chance * up**2 + (1 - chance) * down**2)).sum() - mean**2)


def test_lending_takes_the_tables_from_a_path(tables):
    folder, _ = tables
    kind = Lending({"kind": "fico", "path": str(folder), "groups": ["Black", "Asian"]}, policy="equal-opportunity")
    assert kind.names.groups == ("Black", "Asian")
    state = kind.start(1000, np.random.default_rng(0))
    assert set(state["scores"]) <= set(kind.law.scores)


def test_damaged_tables_are_refused(tmp_path):
    folder = written(tmp_path)
    with pytest.raises(InputError, match=r"no column 'White'; it has 'Score', 'Non- Hispanic white'"):
        fico(folder, ("White",))
    table = folder / "transrisk_cdf_by_race_ssa.csv"
    table.write_text(table.read_text().replace("\n100,", "\n100,1", 1))
    with pytest.raises(InputError, match="is not from 0 to 100"):
        fico(folder)
    table.unlink()
    with pytest.raises(InputError, match="is not a file"):
        fico(folder)
