"""Nothing: CuPy runs the definition, a diagonal of pixels at a time."""
