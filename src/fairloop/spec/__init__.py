"""Everything that a user can ask for, validated as a whole. It imports no torch."""
