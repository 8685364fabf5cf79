"""`python -m inkdigits` is the command `inkdigits`."""

from inkdigits.cli import main

main()
