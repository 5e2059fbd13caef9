"""The ground of all CPU kernels: threads, ranges, exact sums, boxes, a screen.

Loops are numba functions that run on our own threads, over fixed ranges of rows. Boxes are for rows
of few columns, the screen for many.
"""
