"""What only the server can reach cannot be reached through it."""

import asyncio
import ipaddress
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import Invalid
from weighbridge.outbound.guard import AddressRefused, Guard, read_networks

PRIVATE = [
    "127.0.0.1",
    "127.8.9.10",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "198.18.0.1",
    "203.0.113.5",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "2001:db8::1",
    "100::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",  # Teredo of 127.0.0.1
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"]


@pytest.mark.parametrize("text", PRIVATE)
def test_private_addresses_are_refused(text: str) -> None:
    assert not Guard().allows(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_allowed(text: str) -> None:
    assert Guard().allows(ipaddress.ip_address(text))


@given(st.ip_addresses(v=4))
def test_an_address_is_the_same_in_whatever_it_is_wrapped(plain: ipaddress.IPv4Address) -> None:
    guard = Guard(read_networks("10.5.0.0/16"))
    number = int(plain)
    wrapped = (
        ipaddress.IPv6Address((0xFFFF << 32) + number),
        ipaddress.IPv6Address((0x64FF9B << 96) + number),
        ipaddress.IPv6Address((0x2002 << 112) + (number << 80)),
    )
    assert {guard.allows(each) for each in wrapped} == {guard.allows(plain)}


def test_networks_can_be_allowed() -> None:
    guard = Guard(read_networks("10.1.0.0/16, 127.0.0.1,fd00::/8"))
    for text in ("10.1.255.1", "127.0.0.1", "fd12::1", "::ffff:10.1.0.1"):
        assert guard.allows(ipaddress.ip_address(text))
    for text in ("10.2.0.1", "127.0.0.2", "::1"):
        assert not guard.allows(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", ["10.0.0.0/99", "localhost", "10.0.0.1/8"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=text.split("/", maxsplit=1)[0]):
        read_networks(text)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.0.0.1:8080/hook",
        "https://localhost/x",
        "http://LOCALHOST/x",
        "http://localhost./x",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[fe80::1%25lo]/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://0/",
        "http://169.254.169.254/latest/meta-data/",
        "http://192.168.0.1/",
    ],
)
async def test_addresses_of_this_machine_and_network_are_refused_however_written(url: str) -> None:
    with pytest.raises(Invalid, match=r"not an address that everyone|cannot be found|no address"):
        await Guard().check_url(url)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://1.1.1.1/", "begins with"),
        ("file:///etc/passwd", "begins with"),
        ("gopher://1.1.1.1/", "begins with"),
        ("1.1.1.1", "begins with"),
        ("https://", "begins with"),
        ("https:///x", "begins with"),
        ("https://1.1.1.1\\@127.0.0.1/", "begins with|no address"),
        ("https://user:secret@1.1.1.1/", "user name"),
        ("https://1.1.1.1@127.0.0.1/", "user name"),
        ("https://1.1.1.1/#x", "fragment"),
        ("https://1.1.1.1:22/", "port"),
        ("https://1.1.1.1:25/", "port"),
        ("https://1.1.1.1:0/", "port"),
        ("https://1.1.1.1:99999/", "no address"),
        ("https://1.1.1.1:x/", "no address"),
        ("https://[::1/", "no address"),
        ("https://1.1.1.1/a b", "visible ASCII"),
        ("https://1.1.1.1/\r\nX: y", "visible ASCII"),
        ("https://ⅼocalhost/", "visible ASCII"),
        ("https://1.1.1.1/" + "x" * 2_000, "up to 2000"),
        ("", "begins with"),
    ],
)
async def test_what_is_no_address_to_send_to_is_refused(url: str, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        await Guard().check_url(url)


async def test_a_public_address_is_fine() -> None:
    for url in ("https://1.1.1.1/", "http://8.8.8.8:8443/x?y=z", "https://[2606:4700::1111]/"):
        await Guard().check_url(url)


async def test_one_private_address_among_those_of_a_name_is_enough_to_refuse_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def resolve(*_: Any, **__: Any) -> list[Any]:
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, ("1.1.1.1", 443)), (*kind, ("10.0.0.1", 443))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    with pytest.raises(Invalid, match=r"rebind.example \(10.0.0.1\)"):
        await Guard().check_url("https://rebind.example/")


def test_a_socket_to_a_private_address_is_never_made() -> None:
    with pytest.raises(AddressRefused, match=r"127\.0\.0\.1"):
        Guard().open_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80)))
    with pytest.raises(AddressRefused):
        Guard().open_socket((socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1%lo", 80, 0, 1)))
    Guard().open_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("1.1.1.1", 80))).close()
