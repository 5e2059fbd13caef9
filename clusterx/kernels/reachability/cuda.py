"""No walk of its own yet: steps of the definition, with a read of the device per row."""
