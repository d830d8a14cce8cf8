"""Which addresses the server may be sent to.

Whoever may name an address for the server to contact must not reach by it what only the server can
reach: itself, its network, the metadata service of its cloud (server-side request forgery). So a
name is judged by the addresses it stands for, when it is registered and again at each connection,
as it may stand for others by then.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from typing import TypeAlias
from urllib.parse import urlsplit

from weighbridge.errors import Invalid

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_URL = 2_000
_RESOLVE_S = 10.0
_PORTS = {"http": 80, "https": 443}
_UNPRIVILEGED = 1024
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Not for everyone, whatever a registry or an older Python says of them.
_NEVER = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # carriers' own; a cloud's metadata service
        "168.63.129.16/32",  # another cloud's metadata service, at a public address
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "64:ff9b:1::/48",
        "100::/64",
        "fec0::/10",
    )
)


class AddressRefused(OSError):
    """A connection to an address that may not be contacted; raised instead of making it."""


class Guard:
    """Says which addresses may be contacted.

    Args:
        allowed: networks that may be contacted although they are private.
    """

    def __init__(self, allowed: Iterable[Network] = ()) -> None:
        self._allowed = tuple(allowed)

    def allows(self, address: Address) -> bool:
        """Whether this address may be contacted: it is everyone's, or its network is allowed."""
        plain = _embedded(address)
        if any(it.version == plain.version and plain in it for it in self._allowed):
            return True
        return (
            plain.is_global
            and not plain.is_multicast
            and not plain.is_reserved
            and not any(it.version == plain.version and plain in it for it in _NEVER)
        )

    async def check_url(self, url: str) -> None:
        """Refuse an address that may not be contacted, as things are now.

        Raises:
            Invalid: it is no http or https address, has a port or a part it must not have, its host
                cannot be found, or stands for an address that may not be contacted.
        """
        host, port = self.check_form(url)
        for address in await _addresses(host, port):
            if not self.allows(address):
                shown = host if host == str(address) else f"{host} ({address})"
                raise Invalid(
                    f"{shown} is not an address that everyone can reach; the operator can allow "
                    "its network with WEIGHBRIDGE_ALLOWED_NETWORKS"
                )

    def check_form(self, url: str) -> tuple[str, int]:
        """Host and port of a well-formed address; nothing is looked up.

        Raises:
            Invalid: as `check_url`, for what can be seen.
        """
        if len(url) > MAX_URL or any(not "!" <= character <= "~" for character in url):
            raise Invalid(f"an address has up to {MAX_URL} visible ASCII characters")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise Invalid(f"that is no address: {error}") from error
        if parts.scheme not in _PORTS or not parts.hostname or "\\" in url:
            raise Invalid("an address begins with https:// (or http://) and a host")
        if parts.username is not None or parts.password is not None:
            raise Invalid("an address must not hold a user name or a password")
        if parts.fragment:
            raise Invalid("an address that is sent to has no fragment (#…)")
        port = _PORTS[parts.scheme] if port is None else port
        if port not in _PORTS.values() and port < _UNPRIVILEGED:
            raise Invalid(f"the port is 80, 443 or {_UNPRIVILEGED} and above, not {port}")
        return parts.hostname, port

    def open_socket(
        self, info: tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]
    ) -> socket.socket:
        """A socket for a connection to this address: the last moment at which it can be refused.
        For aiohttp's `socket_factory`.

        Raises:
            AddressRefused: it may not be contacted.
        """
        family, kind, protocol, _, target = info
        if not self.allows(ipaddress.ip_address(target[0].partition("%")[0])):
            raise AddressRefused(f"{target[0]} may not be contacted")
        return socket.socket(family, kind, protocol)


def read_networks(text: str) -> tuple[Network, ...]:
    """Networks out of a list with commas, such as `10.1.0.0/16, 192.168.7.5`.

    Raises:
        ValueError: one of them is none.
    """
    return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())


def _embedded(address: Address) -> Address:
    """The IPv4 address that an IPv6 address carries (mapped, 6to4, Teredo, NAT64), if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or (int(address) >> 32 == 0 and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


async def _addresses(host: str, port: int) -> list[Address]:
    try:
        async with asyncio.timeout(_RESOLVE_S):
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM
            )
    except (OSError, UnicodeError, TimeoutError) as error:
        raise Invalid(f"the host {host} cannot be found") from error
    return [ipaddress.ip_address(str(it[4][0]).partition("%")[0]) for it in found]
