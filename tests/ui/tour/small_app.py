"""The app with a tour that is as short as can be and still repairs: the tour's browser test runs it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

import app
from sayo_app.ui.tour import kept

kept.PLAN = replace(
    kept.PLAN,
    lying=6,
    agreeing=2,
    options=kept.PLAN.options | {"steps": 10, "eval_every": 5, "covered_pictures": 1},
)
if __name__ == "__main__":
    sys.exit(app.main())
