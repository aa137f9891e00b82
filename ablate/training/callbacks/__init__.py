"""One idea per callback."""
