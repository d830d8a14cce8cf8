"""weighbridge: a self-hosted evaluation server for AI systems."""

__version__ = "0.1.0"
