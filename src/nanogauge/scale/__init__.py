"""The scale: what the user states, what the burned-in bar says, and which counts in the end."""
