"""Versioned data: the seam (`base`), and our own implementation of it over the store (`local`)."""
