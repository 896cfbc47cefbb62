"""The loop over generations: its trainers, the inputs of each model, measuring."""
