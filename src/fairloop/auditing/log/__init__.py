"""A log of retraining rounds: its columns, read and counted, as rounds in order."""
