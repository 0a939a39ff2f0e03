"""Every function of the page as every role, and every address of the server as nobody."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.robustness.registry import Figure, Scenario, Value, none


def roles(folder: Path) -> Mapping[str, Value]:
    """The real page with its real doors; only what is behind them is replaced."""
    import gradio as gr

    from sayo_app.access.rights import least_role
    from sayo_app.access.roles import Person, Role
    from sayo_app.settings import Settings
    from sayo_app.ui.shared.doors import close_doors
    from sayo_app.ui.shared.handlers import ACTION
    from sayo_app.ui.shared.studio import Studio
    from storage.store import Store
    from tests.ui.shared.test_doors import on_server, page_of, ran, spy

    settings = Settings.from_environment()
    page = page_of(Studio(settings, Store(settings)))
    functions = on_server(page)
    actions = {number: getattr(it.fn, ACTION, None) for number, it in functions.items()}
    unlisted = sum(action is None for action in actions.values())
    for number, it in functions.items():
        it.fn = spy(actions[number], streams=False)
    asking = Person(None)
    close_doors(page, lambda request: asking)
    calls = let_in = kept_out = 0
    allowed: list[str] = []
    for role in (None, *Role):
        asking = Person(role, "Ada", 7)
        passed = 0
        for number, it in functions.items():
            outcome = ran(it.fn)
            may = role is not None and role >= least_role(actions[number])
            calls += 1
            passed += outcome == [asking]
            let_in += not may and outcome != [gr.skip()]
            kept_out += may and outcome != [asking]
        allowed.append(f"{'nobody' if role is None else role.name.lower()} {passed}")
    return {
        "functions": len(functions),
        "actions": len(set(actions.values())),
        "unlisted": unlisted,
        "calls": calls,
        "let_in": let_in,
        "kept_out": kept_out,
        "allowed": ", ".join(allowed),
    }


SCENARIOS = (
    Scenario(
        name="roles",
        tried="every function of the page as every role",
        figures=(
            Figure("functions", "functions that the server answers", least=100, before="101"),
            Figure("actions", "actions in the table of rights that they stand for"),
            none("unlisted", "functions that are not in the table"),
            Figure("calls", "calls: each function as each of six roles"),
            none("let_in", "let in though the role may not", before="all 101, without a name"),
            none("kept_out", "kept out though the role may"),
            Figure("allowed", "functions that each may call"),
        ),
        measure=roles,
    ),
)
