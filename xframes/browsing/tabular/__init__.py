"""Tables: what their rows are chosen by, indexes of their keys, and pages of rows."""
