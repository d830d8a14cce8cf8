"""The figures of docs/benchmarks.md, each as a ratio against a baseline in the same run."""
