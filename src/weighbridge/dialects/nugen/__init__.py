"""Nugen's API, `/api/v3`: benchmarks, and one model or two side by side."""
