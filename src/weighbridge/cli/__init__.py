"""The command line: one module per noun, all over the same services as the other doors."""
