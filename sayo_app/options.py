"""Options that people set, each described once: label, help, unit, bounds and choices stand at its field.

Forms, files, command lines, tables in the docs and messages all read them from there.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any, ClassVar, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from sayo_app.errors import SettingsError

_KINDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
}
_BOUNDS = {"ge": "of at least", "gt": "above", "le": "at most", "lt": "below"}


@dataclass(frozen=True)
class Option:
    """What is known of one option.

    Attributes:
        name: of the field, and so in files and on the command line.
        label: what a form calls it.
        help: what it does, in a line; empty where the label says it all.
        unit: of the number; empty where it has none.
        values: which values it takes, in words, such as "a whole number of at least 1".
        choices: what can be chosen; empty where it is no choice.
        free: something else than the choices can be given, too.
        place: the part of the page or command line that has it; empty for none.
        usual: from where to where a slider goes; the bounds may be wider.
    """

    name: str
    label: str
    help: str
    unit: str
    values: str
    choices: tuple[str, ...]
    free: bool
    place: str
    usual: tuple[int, int] | None
    default: Any


def option(
    default: Any,
    label: str,
    help: str = "",
    *,
    unit: str = "",
    values: str = "",
    choices: tuple[str, ...] = (),
    place: str = "",
    usual: tuple[int, int] | None = None,
    **bounds: Any,
) -> Any:
    """A field of `Options`; see `Option`. What is not said of `values` and `choices` the type says.

    Args:
        bounds: of pydantic's `Field`: ge, gt, le, lt, pattern.
    """
    extra: dict[str, Any] = {
        "unit": unit,
        "values": values,
        "choices": choices,
        "place": place,
        "usual": usual,
    }
    return Field(default, title=label, description=help, json_schema_extra=extra, **bounds)


class Options(BaseModel):
    """A frozen set of options.

    Raises:
        SettingsError: an unknown name, a value of the wrong type or out of its bounds.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    # How messages speak of an option, and what they advise: `{name}` and `{NAME}` stand for its name.
    subject: ClassVar[str] = "{name}"
    remedy: ClassVar[str] = "Change {name}."

    @model_validator(mode="wrap")
    @classmethod
    def _in_words(cls, values: Any, handler: Callable[[Any], Self]) -> Self:
        try:
            return handler(values)
        except ValidationError as error:
            first = error.errors()[0]
            raise refusal(cls, str(first["loc"][0]), first["input"]) from error

    def replace(self, **changes: Any) -> Self:
        """The same with some options changed, checked like all others."""
        return type(self)(**dict(self) | changes)

    @classmethod
    def options(cls) -> dict[str, Option]:
        """All options by their names, in the order of the fields."""
        return {name: _option(name, field) for name, field in cls.model_fields.items()}


def refusal(kind: type[Options], name: str, got: object) -> SettingsError:
    """What to say of a value that an option does not take, or of a name that no option has."""
    known = kind.options()
    if name not in known:
        near = nearest(name, known)
        return SettingsError(
            expected=_named(kind.subject, "an option"),
            got=repr(name),
            remedy=f"Did you mean {near}?" if near else f"There are {', '.join(known)}.",
        )
    option = known[name]
    near = nearest(str(got), dict.fromkeys(option.choices))
    return SettingsError(
        expected=f"{_named(kind.subject, name)} to be {option.values}",
        got=repr(got),
        remedy=f"{f'Did you mean {near}? ' if near else ''}{_named(kind.remedy, name)}",
    )


def _named(text: str, name: str) -> str:
    return text.format(name=name, NAME=name.upper())


def nearest(word: str, known: Mapping[str, object]) -> str | None:
    """The known word that is most like another; None where none is like it."""
    return next(iter(difflib.get_close_matches(word, list(known), n=1)), None)


def _option(name: str, field: FieldInfo) -> Option:
    extra = field.json_schema_extra
    assert isinstance(extra, dict) and field.title is not None, f"{name} is not made by option()"
    said: dict[str, Any] = dict(extra)
    one_of, some_of = _literals(field.annotation)
    said["free"] = bool(said["choices"])
    said["choices"] = said["choices"] or one_of or some_of
    if not said["values"]:
        said["values"] = _values(field, one_of, some_of)
    return Option(name=name, label=field.title, help=field.description or "", default=field.default, **said)


def _literals(annotation: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words that it is one of, and those that it has some of."""
    if get_origin(annotation) is tuple:
        return (), get_args(get_args(annotation)[0])
    return (get_args(annotation) if get_origin(annotation) is Literal else ()), ()


def _values(field: FieldInfo, one_of: tuple[str, ...], some_of: tuple[str, ...]) -> str:
    if one_of or some_of:
        return f"one of {', '.join(one_of)}" if one_of else f"some of {', '.join(some_of)}"
    kinds = get_args(field.annotation) or (field.annotation,)
    kind = next(kind for kind in kinds if kind is not NoneType)
    return f"{_KINDS[kind]}{_bounds(field)}{', or null' if NoneType in kinds else ''}"


def _plain(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:g}"


def _bounds(field: FieldInfo) -> str:
    """Such as ` above 0 and below 1`; nothing without bounds."""
    found = [
        f"{words} {_plain(getattr(limit, name))}"
        for limit in field.metadata
        for name, words in _BOUNDS.items()
        if hasattr(limit, name)
    ]
    longest = [limit.max_length for limit in field.metadata if hasattr(limit, "max_length")]
    found += [f"of at most {most} characters" for most in longest]
    return f" {' and '.join(found)}" if found else ""
