"""Everything that a user can ask for, validated as a whole. Validation imports no torch and opens no file."""
