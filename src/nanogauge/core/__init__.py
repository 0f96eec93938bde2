"""What every room speaks of: scale, micrograph, columns and flags of particles, settings, protocols, errors."""
