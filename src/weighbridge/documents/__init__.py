"""Texts out of documents of all kinds, and the passages that they are cut into."""
