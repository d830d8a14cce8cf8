from weighbridge.sdk import AsyncClient as AsyncClient
from weighbridge.sdk import Client as Client

__version__: str
