"""Boxes around rows of few columns: the candidate centres of a box, and trees of boxes."""
