"""The page that needs no server: what is in it. tests/ui/ask/test_offline_page.py opens it in a browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from sayo_app.core.rendering.offline_page import offline_page

HOSTILE = (
    "</script><script>alert(1)</script><!--<script> <img src=x onerror=alert(1)>"
    ' & \u2028 \ud800 ${1} $title "'
)


class Parsed(HTMLParser):
    """The scripts, the attributes that load something, and the text of the headings."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.texts: dict[str, str] = {}
        self.policy = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        named = dict(attrs)
        self.loads += [name for name in named if name in ("src", "href", "action", "data")]
        self.policy = named.get("content") or self.policy if "http-equiv" in named else self.policy
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "script" and self.cdata_elem == "script":
            self.scripts[-1] += data
        elif self.tags:
            self.texts[self.tags[-1]] = self.texts.get(self.tags[-1], "") + data


def page(**changes: Any) -> Parsed:
    fields: dict[str, Any] = {
        "value": {"tokens": ["A", " dog"]},
        "options": {"id": "offline"},
        "script": "const a = 1;",
        "styles": ".sv { color: red; }",
        "title": "Where is the dog?",
    }
    return Parsed(offline_page(**fields | changes))


def test_the_page_holds_value_options_scripts_and_styles() -> None:
    found = page(note="answered by bundled")
    assert json.loads(found.scripts[0]) == {
        "value": {"tokens": ["A", " dog"]},
        "options": {"id": "offline"},
    }
    assert found.scripts[1].startswith("const a = 1;\n") and "sayo.mountViewer(" in found.scripts[1]
    assert ".sv { color: red; }" in found.texts["style"]
    assert found.texts["h1"].strip() == "Where is the dog?" == found.texts["title"].strip()
    assert found.texts["p"].strip() == "answered by bundled"


def test_the_page_loads_nothing() -> None:
    found = page()
    assert found.loads == []
    assert "default-src 'none'" in found.policy and "http" not in found.policy
    text = offline_page({}, {}, "a", "b", title="c")
    assert not re.search(r"https?:|@import|url\(", text)


def test_only_the_script_of_the_page_may_run() -> None:
    found = page()
    digest = base64.b64encode(hashlib.sha256(found.scripts[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in found.policy


def test_hostile_text_stays_text() -> None:
    plain, found = page(), page(value={"tokens": [HOSTILE], HOSTILE: 1}, title=HOSTILE, note=HOSTILE)
    assert found.tags == plain.tags and len(found.scripts) == 2
    assert json.loads(found.scripts[0])["value"] == {"tokens": [HOSTILE], HOSTILE: 1}
    for tag in ("title", "h1", "p"):
        assert found.texts[tag].strip() == HOSTILE.replace("\ud800", "?")
    offline_page({"tokens": [HOSTILE]}, {}, "", "", title=HOSTILE).encode()


def test_code_cannot_end_its_own_tag() -> None:
    script = 'const a = "</script><!-- </SCRIPT>", b = 1 < 2;'
    found = page(script=script, styles='a::after { content: "</style>"; }')
    assert found.tags == page().tags
    assert r'"<\/script><\!-- <\/SCRIPT>", b = 1 < 2;' in found.scripts[1]
    assert r'content: "<\/style>"' in found.texts["style"]


def test_figures_that_are_no_numbers_are_not_written() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        page(value={"entropies": [float("nan")]})
