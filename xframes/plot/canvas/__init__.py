"""What all plots share: axes, fonts, layout, and the rows to draw."""
