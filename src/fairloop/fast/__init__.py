"""What makes training fast without changing what is computed; each trick with the measurement behind it.

But for `graphs`: no GPU was at hand to measure it on.
"""
