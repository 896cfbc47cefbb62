"""What batches are drawn from: a generator with its labeller, real people, mixtures."""
