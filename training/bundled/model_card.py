"""The model card of the bundled model, written from the result of `evaluate_scenes` and nothing else."""

from __future__ import annotations

from typing import Any

from training.bundled.scenes import columns

_HEAD = """---
license: apache-2.0
library_name: transformers
pipeline_tag: image-text-to-text
---
# The bundled model

A small Qwen3-VL ({millions:.1f} M parameters), trained from random weights by `python -m training pretrain`
on composed scenes: 4 to 8 of {kinds} kinds of 3D emoji with coloured, lettered tags on drawn backgrounds.

**It only knows such scenes.** On a photo it answers in the same words, and is wrong. It is here so that
looking, correcting and retraining can be tried without a hub or a GPU, and it leaves room to improve.

## What it can do

{count} held-out scenes, one question each, greedy answers. `blind` is the accuracy of the same model with the
picture blanked to grey: what the questions alone give away.

"""

_TAIL = """
- `format`: reasoning, then exactly one `<answer>…</answer>`.
- `sayo reward`: the paper's reward in the asked object's box, last full-attention layer, from -1 to 1;
  0 is attention spread evenly.
- `energy`: share of that attention that lies in the box; `pointing`: how often its strongest cell does.
{covered}
Measured by `python -m training evaluate --model bundled --scenes {count} --seed {seed} --card FILE` on
{machine}, in {seconds:.0f} s; {versions}.

The training settings are in `pretrain.json`. The pictures' emoji are Microsoft's Fluent Emoji (MIT); see
`assets/sprites/LICENSE`.
"""


_COVERED = """\
- `reliance`: how often the answer changes when the asked object's box is covered (by the mean colour, a blur
  and inpainting); `control`: the same for random boxes of the same size. Of {covered} of the scenes.
"""


def model_card(result: dict[str, Any], parameters: int, kinds: int) -> str:
    """Markdown with the table by family, where it came from, and what the model is not for."""
    keys = columns(result)
    names = [key.replace("blind_accuracy", "blind").replace("_", " ") for key in keys]
    rows = [f"| family | n | {' | '.join(names)} |", "|---|---" + "|---" * len(keys) + "|"]
    for family, row in [*result["families"].items(), ("**overall**", result["overall"])]:
        figures = ("-" if row.get(key) is None else f"{row[key]:.3f}" for key in keys)
        rows.append(f"| {family} | {row['count']} | {' | '.join(figures)} |")
    machine = result["machine"]
    return (
        _HEAD.format(millions=parameters / 1e6, kinds=kinds, count=result["scenes"])
        + "\n".join(rows)
        + "\n"
        + _TAIL.format(
            covered=_COVERED.format(covered=result["covered"]) if result["covered"] else "",
            count=result["scenes"],
            seed=result["seed"],
            seconds=result["seconds"],
            machine=f"{machine['device']}, {machine['cores']} cores, Python {machine['python']}",
            versions=", ".join(f"{name} {number}" for name, number in result["versions"].items()),
        )
    )
