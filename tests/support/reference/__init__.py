"""Plain models of what the compiled core does: slow, short, and written from the rules alone."""
