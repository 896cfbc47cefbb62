"""The gate of an audit: limits and their verdicts, drifts, and the drift that a log could have shown."""
