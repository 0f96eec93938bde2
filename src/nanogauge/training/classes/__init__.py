"""Classes learned from labels: data, examples, training, and figures on pictures held out."""
