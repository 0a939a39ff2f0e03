"""Options are described once: what is known of one, and what is said of a value that it does not take."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import pytest

from sayo_app.errors import SettingsError
from sayo_app.options import Options, option


class Tea(Options):
    subject: ClassVar[str] = "{name} of a cup of tea"
    remedy: ClassVar[str] = "Stir {name}."

    sugar: int = option(2, "Sugar", "Cubes of it.", unit="cubes", ge=0, le=9, usual=(0, 3), place="table")
    strength: float = option(0.5, "Strength", gt=0, lt=1)
    milk: bool = option(False, "Milk")
    kind: Literal["assam", "darjeeling"] = option("assam", "Kind", "From where.")
    biscuit: str = option(
        "none", "Biscuit", values="none, some or their names", choices=("none", "some"), pattern="^[a-z,]+$"
    )
    pot: int | None = option(None, "Pot", ge=1)
    tray: Path = option(Path(), "Tray")


def test_what_is_known_of_an_option_stands_at_its_field() -> None:
    found = Tea.options()
    assert list(found) == ["sugar", "strength", "milk", "kind", "biscuit", "pot", "tray"]
    sugar = found["sugar"]
    assert (sugar.label, sugar.help, sugar.unit, sugar.default) == ("Sugar", "Cubes of it.", "cubes", 2)
    assert (sugar.place, sugar.usual, sugar.choices) == ("table", (0, 3), ())
    assert [it.values for it in found.values()] == [
        "a whole number of at least 0 and at most 9",
        "a number above 0 and below 1",
        "true or false",
        "one of assam, darjeeling",
        "none, some or their names",
        "a whole number of at least 1, or null",
        "a path",
    ]
    assert (found["kind"].choices, found["kind"].free) == (("assam", "darjeeling"), False)
    assert (found["biscuit"].choices, found["biscuit"].free) == (("none", "some"), True)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"sugar": 10},
            "Expected sugar of a cup of tea to be a whole number of at least 0 and at most 9, got 10. "
            "Stir sugar.",
        ),
        ({"strength": float("nan")}, "to be a number above 0 and below 1, got nan. Stir strength."),
        ({"kind": "asam"}, "to be one of assam, darjeeling, got 'asam'. Did you mean assam? Stir kind."),
        ({"kind": "coffee"}, "to be one of assam, darjeeling, got 'coffee'. Stir kind."),
        ({"biscuit": "2"}, "to be none, some or their names, got '2'. Stir biscuit."),
        ({"sugra": 1}, "Expected an option of a cup of tea, got 'sugra'. Did you mean sugar?"),
        ({"water": 1}, "got 'water'. There are sugar, strength, milk,"),
    ],
)
def test_a_value_that_is_not_taken_is_told_with_what_is(values: dict, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Tea(**values)
    assert message in str(caught.value)


def test_changes_are_checked_like_everything_else() -> None:
    tea = Tea(sugar=1)
    assert tea.replace(milk=True) == Tea(sugar=1, milk=True) != tea
    with pytest.raises(SettingsError, match="Stir sugar"):
        tea.replace(sugar=-1)
    with pytest.raises(ValueError, match="frozen"):
        tea.sugar = 3  # type: ignore[misc]
