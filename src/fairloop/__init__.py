"""fairloop simulates fairness feedback loops, measures what they do, and repairs them."""
