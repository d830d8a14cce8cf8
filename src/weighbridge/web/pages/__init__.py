"""The table of pages: each module names its own routes."""

from weighbridge.web.pages import home, login

ROUTES = (
    *login.ROUTES,
    *home.ROUTES,
)
