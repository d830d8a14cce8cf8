"""How a model is brought to give a verdict by a rubric: the question, and reading the reply."""
