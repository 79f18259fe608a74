"""From a frame's text to a handler, and from what a handler says to frames."""
