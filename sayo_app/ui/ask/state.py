"""What the modules of this room share: the components that they fill, and what they keep of a browser tab."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import gradio as gr


class Shown(NamedTuple):
    """What a new picture or a file that is opened fills, in this order."""

    viewer: gr.HTML
    correct_viewer: gr.HTML
    question: gr.Textbox
    chart: gr.Plot


@dataclass
class Asking:
    """Of a browser tab.

    Attributes:
        suggestions: questions that came with pictures: a person who leaves one there has typed none.
        stopping: a person pressed Stop.
    """

    suggestions: set[str] = field(default_factory=set)
    stopping: bool = False


@dataclass
class Checking:
    """Of a browser tab.

    Attributes:
        stopping: a person pressed Stop while it was checked whether the model really looks.
    """

    stopping: bool = False
