"""Make a small table of a study's exported one: `python -m docs.studies.keep EXPORTED.parquet SMALL.parquet`.

Keeps the rows that pages of studies speak of: performance and fairness on `test`, and shares of groups and labels.
"""

import sys

import pandas as pd

METRICS = ["accuracy", "selection_rate", "tpr", "fpr", "demographic_parity", "equalized_odds"]

table = pd.read_parquet(sys.argv[1])
rates = (table["split"] == "test") & table["metric"].isin(METRICS)
shares = table["split"].isin(["generated", "people"]) & table["metric"].isin(["group_share", "label_share"])
kept = table[rates | shares]
kept.to_parquet(sys.argv[2], index=False, compression="zstd")
print(f"{sys.argv[2]}: {len(kept):,} of {len(table):,} rows")
