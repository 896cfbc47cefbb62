"""The sources of batches: a generator with its labeller, real people, mixtures."""
