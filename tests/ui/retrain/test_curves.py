"""The curves of a run."""

from __future__ import annotations

from sayo_app.ui.retrain.curves import training_chart


def test_training_chart_passes_over_what_was_not_measured() -> None:
    events = [
        {"kind": "status", "message": "loading"},
        {"kind": "evaluation", "split": "held_out", "step": 0, "accuracy": 0.5, "sayo_reward": None},
        {"kind": "step", "step": 1, "attention_reward": -0.1, "answer_accuracy": None, "kl": 0.0},
        {"kind": "step", "step": 2, "attention_reward": 0.2, "answer_accuracy": 0.5, "kl": 0.01},
    ]
    lines = {line.name: line for line in training_chart(events).data}
    assert tuple(lines["Attention reward"].y) == (-0.1, 0.2)
    assert tuple(lines["Answer accuracy"].x) == (2,)
    assert tuple(lines["Answer accuracy, held out"].y) == (0.5,)
    assert training_chart([]).layout.uirevision == "training"
