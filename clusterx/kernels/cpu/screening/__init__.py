"""Rows of many columns by float32 products with proven bounds, before exact distances."""
