"""Arrays in, numbers out: performance and fairness of classifiers, shares in a population."""
