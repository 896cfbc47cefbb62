"""People who come in rounds, in the loop: a classifier decides about them, they respond, and the next one learns."""
