"""Plotly figures, the same on a page, in a notebook and in a report."""
