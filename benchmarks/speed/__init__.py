"""How fast this machine is, and how near fairloop comes to it: `make bench`, or `python -m benchmarks.speed --help`."""
