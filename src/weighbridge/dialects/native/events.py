"""What webhooks are told, in our own API's words, and who carries it to them."""

from weighbridge.dialects.native.translate import told_run
from weighbridge.jobs.postman import Postman
from weighbridge.outbound.sending import Sender
from weighbridge.wiring import Services


def postman_of(services: Services) -> Postman:
    """The postman of a process that serves or works: use it as an async context manager."""
    return Postman(services.store, Sender(services.guard), told_run)
