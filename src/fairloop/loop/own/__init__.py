"""People and objects of your own, in place of a data set and of names of models."""
