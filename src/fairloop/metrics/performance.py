"""The former name of `group_rates`, for one more release."""

from fairloop.metrics.group_rates import Rate, confusion, demographic_parity, equalized_odds, flatten, performance

__all__ = ["Rate", "confusion", "demographic_parity", "equalized_odds", "flatten", "performance"]
