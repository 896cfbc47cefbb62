"""One model, from its recipe to its weights."""
