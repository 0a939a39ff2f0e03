"""The model card of a trained adapter: README.md in its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sayo_app.core.verdict import COMPARED, HANGING, Verdict, change_text

CARD_FILE = "README.md"
_CARD = """---
library_name: peft
base_model: {base_model}
pipeline_tag: image-text-to-text
tags:
- lora
- sayo
---
# {name}

A LoRA adapter for `{base_model}`, trained with SAYO Studio by region-attention reinforcement learning (SAYO,
arXiv 2602.08241) on corrections that people made of the model's answers.

## Did it help?

{verdict}

{figures}

Measured on {held_out} corrections on pictures that it was not trained on, before and after, pair by pair.
It says nothing about other kinds of pictures.{covering}

## How it was made

- Corrections: {samples} on {pictures} pictures, sha256 `{data}`
- Code: {code}
- Machine: {machine}
- Libraries: {versions}

```json
{config}
```

## Use

```python
from peft import PeftModel
model = PeftModel.from_pretrained(base_model, "this folder")
```
"""

_COVERING = """

What answers hang on is measured on up to {covered} of them: the question is asked again with a region covered
in three ways (the picture's mean colour, a blur, inpainting), and a changed answer counts. The random regions
are as large as the drawn ones and touch none of them: what covering alone does."""


def adapter_card(
    name: str, base_model: str, record: Mapping[str, Any], verdict: Verdict, held_out: int
) -> str:
    """Markdown with everything that the run's record and its verdict say.

    Args:
        base_model: as people call it; a path of this machine means nothing elsewhere.
        record: as `recipe.run_record` gives it.
    """
    changes = verdict.changes
    figures = [f"- {change_text(name, changes[name])}" for name in COMPARED if name in changes]
    config = record["config"] | {"model": base_model}
    return _CARD.format(
        name=" ".join(name.split()),
        base_model=base_model,
        verdict=verdict.text,
        figures="\n".join(figures),
        held_out=held_out,
        covering=_COVERING.format(covered=config["covered_pictures"]) if set(HANGING) & set(changes) else "",
        samples=record["data"]["samples"],
        pictures=record["data"]["pictures"],
        data=record["data"]["sha256"],
        code=", ".join(f"{key} {value}" for key, value in record["code"].items()),
        machine=", ".join(f"{key} {value}" for key, value in record["machine"].items()),
        versions=", ".join(f"{key} {value}" for key, value in record["versions"].items()),
        config=json.dumps(config, indent=2),
    )
