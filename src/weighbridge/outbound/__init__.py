"""Talking to addresses that customers name: only where that is allowed, and never for long."""
