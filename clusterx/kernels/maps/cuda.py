"""CuPy runs the definition, because each row must wait for the one before in any case."""
