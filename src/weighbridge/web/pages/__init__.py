"""The table of pages: each module names its own routes."""

from weighbridge.web.pages import (
    cases,
    compare,
    data,
    evaluations,
    home,
    keys,
    kind_parts,
    login,
    models,
    reports,
    review,
    runs,
    samples,
    start,
    suites,
    webhooks,
)

ROUTES = (
    *login.ROUTES,
    *home.ROUTES,
    *runs.ROUTES,
    *cases.ROUTES,
    *data.ROUTES,
    *compare.ROUTES,
    *suites.ROUTES,
    *kind_parts.ROUTES,
    *evaluations.ROUTES,
    *samples.ROUTES,
    *reports.ROUTES,
    *review.ROUTES,
    *models.ROUTES,
    *keys.ROUTES,
    *webhooks.ROUTES,
    *start.ROUTES,
)
