"""Synthetic micrographs with exact truth: fixtures, pretraining, examples, validation."""
