"""Run the `xframes` command as `python -m xframes.cli`, for a script that is not on the path."""

from xframes.cli import main

main(prog_name="xframes")
