"""CuPy runs the definition, with a host read per row."""
