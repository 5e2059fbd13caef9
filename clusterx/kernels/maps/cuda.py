"""For CuPy: the definition, whose rows wait for each other in any case."""
