"""What all plots share: axes, fonts, layout, and the rows they draw."""
