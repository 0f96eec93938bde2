"""The network that tells sizes from the picture alone, without outlines: examples whose truth is counted, and its training."""
