"""Links that work without an API key: signed by us, for one purpose, until a certain moment."""

import base64
import hashlib
import hmac
import math
import time

import orjson

from weighbridge.core.json import JsonObject
from weighbridge.errors import NotFound
from weighbridge.store.engine import Store
from weighbridge.store.signing_keys import ensure_signing_key

_KEY = "links"
_LONGEST = 4_000


class Links:
    """Signs and reads the tokens in such links.

    Args:
        store: where the key is; every server of an installation has the same.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._key: bytes | None = None

    async def sign(self, purpose: str, payload: JsonObject, expires_s: float) -> str:
        """A token that can stand in a URL as it is.

        Args:
            purpose: what it is good for; for anything else it is worth nothing.
            payload: what it says. It is signed and not encrypted: whoever holds it can read it.
            expires_s: seconds for which it is good, more than 0.
        """
        said = orjson.dumps({"until": math.ceil(time.time() + expires_s), "payload": payload})
        body = _encode(said)
        return f"{body}.{_signature(await self._secret(), purpose, body)}"

    async def read(self, purpose: str, token: str) -> JsonObject:
        """What a token says.

        Raises:
            NotFound: it is none of ours, is for another purpose, or has expired.
        """
        body, _, signature = token[: _LONGEST + 1].rpartition(".")
        expected = _signature(await self._secret(), purpose, body)
        # What is compared is text: two spellings of the same bits in base64 are not the same.
        forged = not hmac.compare_digest(
            signature.encode("utf-8", "replace"), expected.encode("ascii")
        )
        if forged or len(token) > _LONGEST:
            raise NotFound("this link is not one that was given out here, or not for this")
        said = orjson.loads(_decode(body))
        if said["until"] < time.time():
            raise NotFound("this link has expired; ask for a new one where you got it")
        payload: JsonObject = said["payload"]
        return payload

    async def _secret(self) -> bytes:
        if self._key is None:
            async with self._store.begin() as connection:
                self._key = await ensure_signing_key(connection, _KEY)
        return self._key


def _signature(key: bytes, purpose: str, body: str) -> str:
    signed = f"{purpose}\0{body}".encode("utf-8", "replace")
    return _encode(hmac.new(key, signed, hashlib.sha256).digest())


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
