"""Where a page may be read from: hosts somebody named, at addresses that are what they seem.

Source: reference on reliability, fault 62: metadata services, loopback, users in URLs, look-alike
names, numbers as hosts, names that resolve to something else the second time.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import httpx

from rollout.domain.errors import KindMisused, ServiceUnreachable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]
"""(host, port) -> its addresses as texts. Raises: OSError."""

LONGEST_URL = 2000
_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")
_PORTS = {"https": 443, "http": 80}
_TRANSLATED = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))


@dataclass(frozen=True)
class Target:
    """A URL that may be read, and the one address to connect to."""

    url: httpx.URL
    address: str


@dataclass(frozen=True)
class AddressRules:
    """`hosts`: names, with a port where it is not the scheme's own. `loopback`: this machine, and
    plain http to it, are allowed (never in production)."""

    hosts: frozenset[str]
    loopback: bool
    resolve: Resolve

    def target(self, text: str, more_hosts: Iterable[str], *, private: bool) -> Target:
        """Raises: KindMisused for a place that may not be read; ServiceUnreachable when the host
        has no address."""
        url = _parsed(text)
        port = url.port or _PORTS[url.scheme]
        named = {host.lower() for host in more_hosts} | self.hosts
        if _named(url, port).isdisjoint(named):
            raise KindMisused(
                f"{url.host} is no host of the plan's connections; allow it by `hosts: [{url.host}]`"
            )
        try:
            found = self.resolve(url.host, port)
        except (OSError, UnicodeError):
            found = []
        if not found:
            raise ServiceUnreachable(f"{url.host} has no address")
        for address in found:
            self._require_open(url, address, private=private)
        return Target(url, found[0])

    def _require_open(self, url: httpx.URL, text: str, *, private: bool) -> None:
        """Every address counts, not only the one that is used."""
        address = plain_address(text)
        if address.is_loopback:
            if not self.loopback:
                raise KindMisused(f"{url.host} is this machine: never in production")
            return
        if url.scheme != "https":
            raise KindMisused(f"{url.host}: only https is read")
        if is_special(address):
            raise KindMisused(f"{url.host} has an address that nothing may be read from")
        if not address.is_global and not private:
            raise KindMisused(f"{url.host} has a private address; allow it by `private: true`")


def plain_address(text: str) -> Address:
    """The address that is really meant: IPv4 wrapped into IPv6 is IPv4.

    >>> str(plain_address("::ffff:169.254.169.254")), str(plain_address("64:ff9b::7f00:1"))
    ('169.254.169.254', '127.0.0.1')

    Raises: KindMisused for what is no address.
    """
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        raise KindMisused(f"{text[:60]!r} is no address") from None
    if isinstance(address, ipaddress.IPv4Address):
        return address
    wrapped = address.ipv4_mapped or address.sixtofour
    if any(address in network for network in _TRANSLATED):
        wrapped = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return wrapped or address


def is_special(address: Address) -> bool:
    """Link-local (cloud metadata), multicast, unspecified, reserved: never, whatever a plan says."""
    return (
        address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or address.is_reserved
        or address in _NEVER
    )


_NEVER = frozenset(
    {
        ipaddress.ip_address("100.100.100.200"),  # metadata of a cloud, in carrier-grade NAT space
        ipaddress.ip_address("fd00:ec2::254"),  # metadata of another, in private space
    }
)


def system_resolve(host: str, port: int) -> list[str]:
    """The system's own answer. Raises: OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _named(url: httpx.URL, port: int) -> set[str]:
    names = {f"{url.host}:{port}"}
    return names | {url.host} if port == _PORTS[url.scheme] else names


def _parsed(text: str) -> httpx.URL:
    """Raises: KindMisused; the message quotes no user and no query."""
    if len(text) > LONGEST_URL or not text.isprintable() or " " in text or "\\" in text:
        raise KindMisused("the URL is too long or holds characters that no URL has")
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise KindMisused("the URL cannot be read") from None
    if url.scheme not in _PORTS or not url.host:
        raise KindMisused("the URL must start with https:// and name a host")
    if url.userinfo:
        raise KindMisused("the URL must not contain a user or token")
    if not text.isascii() or not (_HOST.fullmatch(url.host) or _is_address(url.host)):
        raise KindMisused("the host must be written in plain letters, as `hosts` has it")
    return url.copy_with(fragment=None)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
