"""Synthetic data: seeds, specs, samples that are made by them, how these conform, and red teams."""

from weighbridge.web.pages.samples import evaluations, overview, red_teams, runs, seeds, specs

ROUTES = (
    *overview.ROUTES,
    *seeds.ROUTES,
    *specs.ROUTES,
    *runs.ROUTES,
    *evaluations.ROUTES,
    *red_teams.ROUTES,
)
