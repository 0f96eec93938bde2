"""How the particles of a micrograph lie: their order. Places and sizes in, figures out; no room above is known here."""
