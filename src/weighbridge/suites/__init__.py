"""What suites of prompts are made of: the types of suites, and the bank of prompts, policies and
attacks that serves where no model writes them. All of it is data, in YAML beside the code."""
