"""The former name of `group_rates`. The next release removes it."""

from fairloop.metrics.group_rates import Rate, confusion, demographic_parity, equalized_odds, flatten, performance

__all__ = ["Rate", "confusion", "demographic_parity", "equalized_odds", "flatten", "performance"]
