"""How the particles of a micrograph lie: their order, and what hangs together. Places, sizes and labels in, figures out."""
