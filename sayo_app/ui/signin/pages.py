"""The sign-in page: plain HTML that runs no script and loads nothing."""

from __future__ import annotations

import html

from starlette.requests import Request
from starlette.responses import HTMLResponse

from sayo_app.ui.shared.words import TITLE

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:0;min-height:100vh;display:grid;place-items:center;"
    "background:#f6f6f9;color:#1d1d27}main{width:min(22rem,88vw)}h1{font-size:1.5rem}"
    "label{display:block;margin:.9rem 0 .2rem}"
    "input{width:100%;box-sizing:border-box;font:inherit;padding:.5rem;border:1px solid #8a8a99;"
    "border-radius:6px}"
    "button,a.button{display:inline-block;margin-top:1.2rem;font:inherit;padding:.55rem 1.2rem;border:0;"
    "border-radius:6px;background:#4338ca;color:#fff;cursor:pointer;text-decoration:none}"
    "[role=alert]{background:#fde8e8;color:#7a1212;padding:.6rem .8rem;border-radius:6px}"
    "@media(prefers-color-scheme:dark){body{background:#16161d;color:#ececf1}"
    "input{background:#22222c;color:inherit}}"
)
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def password_page(token: str, *, said: str = "", name: str = "", status: int = 200) -> HTMLResponse:
    """Name and password; `token` comes back with them and shows that this page sent them."""
    return _page(
        f'<form method="post" action="sign-in">{_alert(said)}'
        f'<input type="hidden" name="token" value="{html.escape(token)}">'
        '<label for="name">Name</label>'
        f'<input id="name" name="name" value="{html.escape(name)}" autocomplete="username" '
        "required autofocus>"
        '<label for="password">Password</label>'
        '<input id="password" name="password" type="password" autocomplete="current-password" required>'
        "<button>Sign in</button></form>",
        status,
    )


def elsewhere_page(
    start: str, place: str, *, new_tab: bool = False, said: str = "", status: int = 200
) -> HTMLResponse:
    """A link to where people sign in; with `new_tab` it leaves the frame that this page may be shown in."""
    target = ' target="_blank" rel="noopener"' if new_tab else ""
    words = f"Sign in with {html.escape(place)}"
    hint = "<p>It opens in a tab of its own, where you then go on.</p>" if new_tab else ""
    return _page(
        f'{_alert(said)}<a class="button" href="{html.escape(start)}"{target}>{words}</a>{hint}', status
    )


async def by_proxy_only(request: Request) -> HTMLResponse:
    """For somebody who came past the proxy, or whom it does not name."""
    return _page(
        _alert("This page is reached through its sign-in. Open the address that you were given."), 403
    )


def _alert(said: str) -> str:
    return f'<p role="alert">{html.escape(said)}</p>' if said else ""


def _page(content: str, status: int) -> HTMLResponse:
    text = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Sign in · {TITLE}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style><main><h1>{TITLE}</h1>{content}</main></html>"
    )
    return HTMLResponse(text, status, _HEADERS)
