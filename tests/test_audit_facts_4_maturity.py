"""Section 4 of the audit's facts: labels that need time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairloop.errors import InputError
from fairloop.metrics.maturity import happened_in_time, known_by, last_days, mature, mature_rounds

DAYS = st.dates().map(lambda day: np.datetime64(day, "D"))
TERM = np.timedelta64(1200, "D")
START = np.datetime64("2020-01-01")


def loans(default: float = 0.1, early: float = 0.2, until: int = 1200) -> tuple[np.ndarray, np.ndarray]:
    """Whether each of 12,000 loans is good, and when that is seen: evenly for defaults and for early repayments."""
    n = 12_000
    bad, soon = round(n * default), round(n * (1 - default) * early)
    good = np.arange(n) >= bad
    days = np.full(n, 1200)
    days[:bad] = (np.arange(bad) + 1) * until / bad
    days[bad : bad + soon] = (np.arange(soon) + 1) * 1200 / soon
    return good, START + days.astype("timedelta64[D]")


@pytest.mark.parametrize(("age", "unlabelled_good"), [(100, 0.008), (300, 0.025), (600, 0.05), (1100, 0.092)])
def test_early_labels_are_no_sample_of_all(age, unlabelled_good):
    good, seen = loans()
    early = seen <= START + age
    assert (~good[early]).mean() == pytest.approx(0.357, abs=0.005)
    assert (~good & early).mean() == pytest.approx(unlabelled_good, abs=0.001)
    assert not mature(np.full(len(good), START), START + age, TERM).any()


def test_mature_rows_have_the_true_rate():
    good, seen = loans()
    rows = mature(np.full(len(good), START), START + 1200, TERM)
    assert rows.all()
    labels = known_by(good.astype(float), seen, START + 1200)
    assert 1 - np.mean(labels[rows]) == pytest.approx(0.1)
    assert happened_in_time(~good, np.full(len(good), START), seen, TERM).mean() == pytest.approx(0.1)


def test_without_early_repayment_every_early_label_is_a_default():
    good, seen = loans(early=0)
    assert not good[seen <= START + 600].any()


def test_unlabelled_as_good_makes_groups_differ_that_do_not():
    rates = [(~good & (seen <= START + 300)).mean() for good, seen in (loans(until=600), loans(until=1200))]
    assert rates == pytest.approx([0.05, 0.025], abs=2e-4)


@given(st.lists(DAYS, min_size=1), DAYS, st.integers(0, 1000))
def test_a_row_counts_by_its_age_alone(days, as_of, window):
    decided = np.array(days)
    found = mature(decided, as_of, np.timedelta64(window, "D"))
    assert found.tolist() == [(as_of - day).astype(int) >= window for day in decided]
    later = mature(decided, as_of + 1, np.timedelta64(window, "D"))
    assert (later | ~found).all()


def test_times_of_a_day_count():
    decided = np.array(["2026-01-01T12:00", "2026-01-01T11:59", "NaT"], "datetime64[m]")
    assert mature(decided, np.datetime64("2026-01-31T11:59"), np.timedelta64(30, "D")).tolist() == [False, True, False]


def test_a_round_is_mature_if_all_its_rows_are():
    rows = np.array([True, True, False, True])
    assert mature_rounds(rows, np.array([0, 1, 1, 2]), 4).tolist() == [True, False, True, True]


def test_events_after_the_window_are_none():
    decided = np.full(4, START)
    observed = np.array([START + 90, START + 91, np.datetime64("NaT"), START + 10])
    events = np.array([True, True, True, False])
    assert happened_in_time(events, decided, observed, np.timedelta64(90, "D")).tolist() == [True, False, False, False]
    labels = known_by(np.array([1.0, 0, 1, 0]), observed, START + 90)
    np.testing.assert_array_equal(labels, [1, np.nan, np.nan, 0])


@given(st.dates())
def test_the_last_day_of_a_period_is_in_it_and_the_next_is_not(day):
    iso, quarter = day.isocalendar(), (day.month - 1) // 3 + 1
    names = [f"{day:%Y}".zfill(4), f"{day.year:04d}-{day.month:02d}", f"{day.year:04d}-Q{quarter}", day.isoformat()]
    ends = last_days(names).astype(object)
    assert all(end >= day for end in ends)
    assert (ends[0].month, ends[0].day, ends[3]) == (12, 31, day)
    assert (ends[1].year, ends[1].month) == (ends[2].year, day.month) or ends[1] <= ends[2]
    assert (ends[1] + np.timedelta64(1, "D")).day == 1 if ends[1].year < 9999 else True
    if 1 < iso.year < 9999:
        assert last_days([f"{iso.year:04d}-W{iso.week:02d}"])[0].astype(object).isoweekday() == 7


@pytest.mark.parametrize("name", ["round 1", "3", "2026-13", "2026-02-30", "2026-W60", "2026-Q5", ""])
def test_rounds_that_are_no_dates_are_refused(name):
    with pytest.raises(InputError, match="is not a day, month, quarter, week or year"):
        last_days([name])
