"""Rounds of people in the loop: a classifier decides, people respond, and the next classifier learns."""
