"""For CuPy: rows go down one after another, and the generic kernel measures on the device."""
