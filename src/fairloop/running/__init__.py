"""A run and its views."""
