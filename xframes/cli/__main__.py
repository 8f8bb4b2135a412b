"""`python -m xframes.cli`: the `xframes` command where its script is not on the path."""

from xframes.cli import main

main(prog_name="xframes")
