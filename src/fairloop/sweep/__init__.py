"""Many runs: a grid of specs, and worker processes that share common models."""
