"""The Python SDK: `Client`, `AsyncClient`, and what they give back.

```python
from weighbridge import Client

with Client("http://127.0.0.1:8080", api_key="wb_…") as client:
    done = client.evaluations.create_and_wait(
        data="questions.csv", model="house", prompt="{question}", target="answer", scorers=["exact"]
    )
    report = client.runs.report(done.runs[0].id)
    frame = client.runs.outcomes(done.runs[0].id).to_pandas()
```

What a server refuses is raised as the error of `weighbridge.errors` that says so.
"""

from weighbridge.dialects.native.wire import (
    Dataset,
    EvaluationWithRuns,
    Metric,
    Model,
    Outcome,
    Run,
)
from weighbridge.sdk.blocking import Client
from weighbridge.sdk.client import AsyncClient
from weighbridge.sdk.results import AsyncOutcomes, Comparison, Outcomes, Report

__all__ = [
    "AsyncClient",
    "AsyncOutcomes",
    "Client",
    "Comparison",
    "Dataset",
    "EvaluationWithRuns",
    "Metric",
    "Model",
    "Outcome",
    "Outcomes",
    "Report",
    "Run",
]
