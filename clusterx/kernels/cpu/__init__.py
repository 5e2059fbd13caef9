"""The code that all CPU kernels share: threads, ranges, exact sums, boxes, a screen.

Loops are numba functions that run on our own threads, over fixed ranges of rows. Boxes are for rows
of few columns, the screen is for rows of many.
"""
