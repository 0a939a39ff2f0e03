"""Muon in single precision.

`torch.optim.Muon` orthogonalises in bfloat16, which CPUs without bfloat16 units do far slower than in
float32, and the bundled model is made on such CPUs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from jaxtyping import Float
from torch import Tensor

# Coefficients of the quintic iteration: Keller Jordan, "Muon", https://kellerjordan.github.io/posts/muon/
_A, _B, _C = 3.4445, -4.7750, 2.0315


def orthogonalise(matrix: Float[Tensor, "rows columns"], steps: int = 5) -> Float[Tensor, "rows columns"]:
    """About the nearest matrix with all singular values near 1 (Newton-Schulz; 0.7 to 1.2 in practice)."""
    flat = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if flat else matrix
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = _A * x + torch.addmm(gram, gram, gram, beta=_B, alpha=_C) @ x
    return x.T if flat else x


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised; the step's size is matched to AdamW's as 0.2 sqrt(max(rows, columns)).

    Source of the match: "Muon is Scalable for LLM Training", arXiv 2502.16982, section 2.2.
    """

    def __init__(
        self, matrices: Iterable[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.01
    ):
        super().__init__(matrices, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update; parameters without a gradient stay as they are. The closure gives the loss back."""
        loss = None if closure is None else closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                momentum = state["momentum"].lerp_(parameter.grad, 1 - group["momentum"])
                update = orthogonalise(parameter.grad.lerp(momentum, group["momentum"]))
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update, alpha=-group["lr"] * 0.2 * max(parameter.shape) ** 0.5)
        return loss
