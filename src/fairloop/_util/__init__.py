"""Helpers without a domain: limits of files that are read, escaping, the clock, names that become objects."""
