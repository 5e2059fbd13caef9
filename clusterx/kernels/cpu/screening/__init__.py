"""A screen for rows of many columns: float32 products with proven bounds, then exact distances."""
