"""Tables, figures and pages from stored runs. This package never simulates."""
