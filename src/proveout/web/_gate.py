"""Who may come in: a token, once, then a cookie; and what browsers are told on every answer."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from proveout.report import source_hash

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}
_STYLE = """:root { color-scheme: light dark; } * { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; }
main { padding: 0 1rem; } h1 { font-size: 1.35rem; } .wrong { font-weight: 600; }
label { display: block; margin: 1rem 0 .6rem; }
input, button { font: inherit; padding: .3rem .5rem; }
input { display: block; width: 24rem; max-width: 100%; }"""
_NO_TOKEN = f"""<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>proveout: token needed</title><link rel="icon" href="data:,"><style>{_STYLE}</style></head>
<body><main><h1>A token is needed</h1>
WRONG<p>Open the address that <code>proveout serve</code> printed: it ends in <code>?token=…</code>.
Or type what follows the sign =.</p>
<form method="get"><label>Token <input name="token" type="password" required autofocus
autocomplete="off"></label><button>Open</button></form>
<p>A browser keeps it for as long as the server runs; a server that is started anew has another one,
unless it is given with <code>--token</code> or <code>PROVEOUT_TOKEN</code>.</p></main></body>
</html>"""
_WRONG = '<p class="wrong">The token that was given is not this server\'s.</p>\n'


class Gate:
    """Lets nothing through without the token, no change without a form of ours."""

    def __init__(self, app: ASGIApp, token: str, hosts: frozenset[str] | None) -> None:
        """`hosts` are the names that the server answers to; None for all of them."""
        self._app, self._token, self._hosts = app, token, hosts
        self._cookie = sealed(token, "cookie")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        """The answer to a request that may not pass; None to one that may."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self._hosts is not None and host not in self._hosts:
            return _plain(f"this server does not answer to the host {host[:100]!r}", 421)
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = dict(query).get("token", "")
        if given and hmac.compare_digest(given.encode(), self._token.encode()):
            return self._welcome(scope, [pair for pair in query if pair[0] != "token"])
        if not self._knows(headers, scope):
            return _no_token(bool(given))
        origin = headers.get("origin")
        changes = scope["method"] not in {"GET", "HEAD"}
        if changes and origin is not None and urlsplit(origin).netloc != host:
            return _plain("this request comes from another site", 403)
        return None

    def _knows(self, headers: Mapping[str, str], scope: Scope) -> bool:
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        if bearer and hmac.compare_digest(bearer.encode(), self._token.encode()):
            return True
        cookies = SimpleCookie()
        try:
            cookies.load(headers.get("cookie", ""))
        except CookieError:
            return False
        kept = cookies.get(cookie_name(scope))
        return kept is not None and hmac.compare_digest(kept.value.encode(), self._cookie.encode())

    def _welcome(self, scope: Scope, query: list[tuple[str, str]]) -> Response:
        """Keeps the token out of the address bar, where people copy links from."""
        path = scope["path"] + (f"?{urlencode(query)}" if query else "")
        answer = RedirectResponse("/" + path.lstrip("/"), 303)
        answer.set_cookie(
            cookie_name(scope), self._cookie, httponly=True, samesite="strict", path="/"
        )
        return answer


def sealed(token: str, purpose: str) -> str:
    """What proves that one has the token, for one purpose, without telling it."""
    return hmac.new(token.encode(), purpose.encode(), hashlib.sha256).hexdigest()


def cookie_name(scope: Scope) -> str:
    """Servers on several ports of one host keep apart: cookies do not know ports."""
    server = scope.get("server") or ("", 0)
    return f"proveout-{server[1]}"


def _no_token(given: bool) -> Response:
    """Asks for the token; says so where another one was given."""
    policy = _POLICY.replace("style-src 'self'", f"style-src '{source_hash(_STYLE)}'")
    page = _NO_TOKEN.replace("WRONG", _WRONG if given else "")
    return HTMLResponse(page, 401, {"content-security-policy": policy})


def _plain(sentence: str, status: int) -> Response:
    return Response(sentence + "\n", status, media_type="text/plain")
