"""Rows of few columns in boxes: which centres a box can have, and trees of boxes."""
