"""The network that reads the letters of labels, a second witness beside the text reader: drawn labels, and its training."""
