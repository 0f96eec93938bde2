"""`nanogauge` on the command line: parse, call, show."""
