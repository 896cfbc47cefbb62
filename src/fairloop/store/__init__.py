"""Storage of models and records: in memory, or in a readable directory."""
