"""Short occupational biographies from a grammar of our own; docs/data/biographies.md is their data sheet."""
