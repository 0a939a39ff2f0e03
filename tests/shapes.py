"""The checker of shapes and types in signatures, for tests only."""

from __future__ import annotations

from functools import partial
from importlib.machinery import SourceFileLoader
from types import CodeType, ModuleType
from typing import Any
from unittest.mock import patch

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintPep673Exception
from jaxtyping import _import_hook, install_import_hook

# As in mypy, a whole number may stand where a float is asked for.
_CONF = BeartypeConf(is_pep484_tower=True)


def checked(function: Any) -> Any:
    """beartype, but for functions that speak of `Self`: taken one by one, they have no class yet."""
    try:
        return beartype(function, conf=_CONF)
    except BeartypeDecorHintPep673Exception:
        return function


class _Loader(_import_hook._JaxtypingLoader):
    """Gives compiled files with checks a name of their own: to our modules, not to all that these import.

    jaxtyping's own does so for as long as a module runs. What torch and others are made of would then be
    compiled anew, instead of read as pip has compiled it.
    """

    def exec_module(self, module: ModuleType) -> None:
        SourceFileLoader.exec_module(self, module)

    def get_code(self, fullname: str) -> CodeType | None:
        named = partial(_import_hook._optimized_cache_from_source, self._typechecker.get_hash())
        with patch("importlib._bootstrap_external.cache_from_source", named):
            return super().get_code(fullname)


def check_shapes(packages: list[str]) -> None:
    """Check every signature of modules that are imported from now on."""
    _import_hook._JaxtypingLoader = _Loader
    install_import_hook(packages, f"{__name__}.{checked.__name__}")
