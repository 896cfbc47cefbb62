"""The loop over generations: its trainers, what each model learns from, what is measured."""
