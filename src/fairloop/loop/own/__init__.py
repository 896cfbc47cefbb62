"""A user's own people and objects, in place of a data set and of names of models."""
