"""Data: data sets, repositories of versioned files, benchmarks; and what was done with them."""

from weighbridge.web.pages.data import benchmarks, commits, files, repositories, sets

ROUTES = (
    *sets.ROUTES,
    *repositories.ROUTES,
    *files.ROUTES,
    *commits.ROUTES,
    *benchmarks.ROUTES,
)
