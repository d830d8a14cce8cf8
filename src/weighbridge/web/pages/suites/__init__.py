"""Safety: suites of prompts, what was answered to them, and reports on that."""

from weighbridge.web.pages.suites import listing, reports, response, scoring, suite

# Reports come first: their addresses are none of suites.
ROUTES = (
    *listing.ROUTES,
    *reports.ROUTES,
    *suite.ROUTES,
    *scoring.ROUTES,
    *response.ROUTES,
)
