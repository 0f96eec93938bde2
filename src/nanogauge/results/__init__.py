"""A measurement and what is kept of it: tables, labels, pictures, outlines; written and read back."""
