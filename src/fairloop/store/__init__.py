"""Where models and records live: in memory, or in a directory that a person can read."""
