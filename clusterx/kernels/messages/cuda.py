"""CuPy runs the definition, a block of rows at a time."""
