"""Synthetic data: seeds are read, blueprints are measured and drawn from, samples are compared."""
