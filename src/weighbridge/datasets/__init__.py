"""Where cases come from: files of rows, the store's own form of them, and what is checked first."""
