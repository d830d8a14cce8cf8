"""Review: people look at cases one by one, and say what the scores should be."""

from weighbridge.web.pages.review import case, listing, summary

ROUTES = (
    *listing.ROUTES,
    *summary.ROUTES,
    *case.ROUTES,
)
