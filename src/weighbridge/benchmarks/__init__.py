"""Standard benchmarks, ready to run by name: one YAML file each, and the loaders that read their
data in the format in which they are published."""
