"""Aymara's API, `/v2`: suites of prompts (its evals), what was answered to them, and reports."""
