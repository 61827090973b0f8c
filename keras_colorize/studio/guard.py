"""Who may speak with the studio: the page that it printed the address of, and nobody else.

It listens on the loopback, where every page in the browser and every program of the machine can
reach it. Against them: the name that it is called by is checked, so that no foreign name can be
made to lead here (DNS rebinding); so is the page that asks; and whoever asks must know the token
that stands in the address behind ``#``, which browsers send to nobody.
"""

import hmac
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["TOKEN_HEADER", "Guard"]

TOKEN_HEADER = "x-studio-token"

# Nothing is fetched from elsewhere, framed, or run that isn't a file of the page.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Lets requests through to an application, or refuses them with a reason.

    Args:
        app: what it guards.
        token: that requests below ``/api/`` must carry in the header :data:`TOKEN_HEADER`.
        names: that the server may be called by, without the port.
    """

    def __init__(self, app: ASGIApp, token: str, names: Collection[str]) -> None:
        self._app = app
        self._token = token
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI has it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            raise ValueError(f"expected HTTP. Received: {scope['type']}")
        refusal = self._refuse(scope["path"], Headers(scope=scope))

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        app = self._app if refusal is None else JSONResponse({"error": refusal}, 403)
        await app(scope, receive, send_guarded)

    def _refuse(self, path: str, headers: Headers) -> str | None:
        """Why a request is refused, or None."""
        host = headers.get("host", "")
        if host.rpartition(":")[0] not in self._names and host not in self._names:
            return "this address is not the studio's; open the one that it printed"
        origin = headers.get("origin", f"http://{host}")
        if origin != f"http://{host}":
            return "another page asked; open the address that the studio printed"
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return "another page asked; open the address that the studio printed"
        token = headers.get(TOKEN_HEADER, "")
        if path.startswith("/api/") and not hmac.compare_digest(
            token.encode(), self._token.encode()
        ):
            return "the address is not complete; open the one that the studio printed"
        return None
