"""The subcommands of `xframes`, by topic."""
