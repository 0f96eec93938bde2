"""How pixels and tags lie in a file: one module a container."""
