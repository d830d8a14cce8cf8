"""From outcomes to the numbers of a report."""
