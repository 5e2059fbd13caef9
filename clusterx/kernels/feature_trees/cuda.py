"""CuPy runs the generic kernel: rows go down one after another, distances are on the device."""
