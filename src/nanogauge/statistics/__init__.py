"""A particle table to figures: distribution, uncertainty, verdicts; of one micrograph and of a sample alike."""
