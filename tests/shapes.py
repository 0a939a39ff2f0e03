"""The checker of shapes and types in signatures, for tests only."""

from __future__ import annotations

from typing import Any

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintPep673Exception

# As in mypy, a whole number may stand where a float is asked for.
_CONF = BeartypeConf(is_pep484_tower=True)


def checked(function: Any) -> Any:
    """beartype, but for functions that speak of `Self`: taken one by one, they have no class yet."""
    try:
        return beartype(function, conf=_CONF)
    except BeartypeDecorHintPep673Exception:
        return function
