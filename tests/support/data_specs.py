"""A generator that proposes a blueprint, and a blueprint that a person writes."""

import json

PROPOSAL = json.dumps(
    {
        "description": "A letter.",
        "requirements": "",
        "properties": [
            {
                "name": "tone",
                "description": "",
                "in_seeds": False,
                "values": [{"value": "polite", "percent": 80}, {"value": "rude", "percent": 20}],
            }
        ],
    }
)
MODELS = f"""
[[models]]
name = "writer"
protocol = "scripted"
aliases = ["anthropic/claude-sonnet-4-6-thinking"]
replies = [{json.dumps(PROPOSAL)}]

[defaults]
generator = "writer"
"""
YAML = """\
spec:
  description: A letter.
  requirements: It names a product.
  data_property_variations:
    - property_name: sentiment
      property_values: [positive, negative, neutral]
      base_distributions: {positive: 40, negative: 30, neutral: 30}
metadata: {anything: goes}
"""
