"""The measures of an audit: rates, scores and errors of each round, each as one `Value`."""
