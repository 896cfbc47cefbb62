"""The loop over generations: trainers, inputs of models, and measures."""
