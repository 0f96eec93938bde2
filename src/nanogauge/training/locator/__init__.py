"""The network that finds scale bars and their labels: drawn overlays over real micrographs with exact truth, and its training."""
