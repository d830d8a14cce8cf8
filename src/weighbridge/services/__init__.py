"""What a caller may ask for: the verbs, with the permission checks. All doors call these."""
