"""Finding personal data in text: by patterns with checksums, and by what a model points at."""
