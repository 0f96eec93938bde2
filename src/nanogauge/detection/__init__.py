"""A micrograph's pixels to labels: maps of the network, their separation, how likely each particle is right."""
