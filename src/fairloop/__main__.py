"""`python -m fairloop`."""

from fairloop.cli import main

main()
