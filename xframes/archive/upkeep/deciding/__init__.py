"""Which rows of a table hold, decided one range of keys after the other."""
