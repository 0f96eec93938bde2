"""Who may talk to the server: this computer's own browser, or whoever has the token.

On loopback the danger is another web page in the same browser: its requests carry a foreign Host or Origin and are refused (DNS
rebinding, cross-site requests). Beyond loopback each request needs the token, given once in the address and kept as a cookie.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

COOKIE = "nanogauge_token"
_LOCAL_NAMES = {"localhost", "localhost.localdomain", "ip6-localhost"}
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (
        b"content-security-policy",
        b"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self' ws: wss:; frame-ancestors 'none'; "
        b"object-src 'none'; base-uri 'self'; form-action 'self'",
    ),
)


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this computer itself.

    >>> [is_loopback(h) for h in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "192.168.1.4", "example.org")]
    [True, True, True, False, False, False]
    """
    if host.lower() in _LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def new_token() -> str:
    """A token nobody guesses."""
    return secrets.token_urlsafe(24)


@dataclass
class Guard:
    """ASGI middleware over `app`. token: None on loopback, where the Host must be this computer then."""

    app: Any
    token: str | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        refusal, given = self._refusal(scope, headers)
        if refusal:
            await _refuse(scope, receive, send, refusal)
            return

        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                extra = list(_HEADERS)
                if given:
                    cookie = f"{COOKIE}={given}; HttpOnly; SameSite=Strict; Path=/"
                    extra.append((b"set-cookie", cookie.encode()))
                message["headers"] = [*message.get("headers", []), *extra]
            await send(message)

        await self.app(scope, receive, with_headers)

    def _refusal(self, scope: Any, headers: dict[str, str]) -> tuple[str, str]:
        """Why a request is refused ("" where it is not), and the token to keep as a cookie."""
        host = headers.get("host", "")
        name = _name_of(host)
        if self.token is None and not is_loopback(name):
            return f"this page answers on this computer only, not as {name[:60]!r}; open http://127.0.0.1 with its port", ""
        origin = headers.get("origin")
        if origin and origin != "null" and urlsplit(origin).netloc.lower() != host.lower():
            return "another web page tried to talk to nanogauge; refused", ""
        if origin == "null" and scope.get("method", "GET") not in ("GET", "HEAD"):
            return "another web page tried to talk to nanogauge; refused", ""
        if self.token is None:
            return "", ""
        given = (parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token") or [""])[0]
        if given and hmac.compare_digest(given.encode(), self.token.encode()):
            return "", given
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        if cookie is not None and hmac.compare_digest(cookie.value.encode(), self.token.encode()):
            return "", ""
        return "a token is needed: open the whole address that `nanogauge serve` has printed, with ?token= at its end", ""


def _name_of(host: str) -> str:
    if host.startswith("["):
        return host[1:].split("]")[0]
    return host.rsplit(":", 1)[0] if host.count(":") == 1 else host


async def _refuse(scope: Any, receive: Any, send: Any, why: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    body = f"nanogauge: {why}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})
