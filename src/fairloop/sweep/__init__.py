"""Many runs: a grid of specs, and worker processes that share what the runs have in common."""
