"""A vision tower's patch embedding as a matrix product."""

from __future__ import annotations

from typing import cast

from jaxtyping import Float
from torch import Tensor, nn


class PatchProduct(nn.Conv3d):
    """A Conv3d whose kernel covers its whole input, computed as one matrix product.

    Same parameters and state-dict keys as the Conv3d it replaces, so checkpoints fit both. On CPU the
    convolution dominates the time of a small model.
    """

    def forward(self, input: Float[Tensor, "patch channel *kernel"]) -> Float[Tensor, "patch out 1 1 1"]:
        flat = nn.functional.linear(input.flatten(1), self.weight.flatten(1), self.bias)
        return flat[:, :, None, None, None]


def linear_patch_embed(model: nn.Module) -> nn.Module:
    """Replace every Conv3d patch embedding of a model, in place, by the product with the same weights.

    Idempotent; returns the model. A Conv3d whose stride is not its kernel is left as it is.
    """
    for parent in model.modules():
        conv = getattr(parent, "proj", None)
        if type(conv) is not nn.Conv3d or conv.stride != conv.kernel_size:
            continue
        product = PatchProduct(
            conv.in_channels,
            conv.out_channels,
            cast(tuple[int, int, int], conv.kernel_size),
            cast(tuple[int, int, int], conv.stride),
            bias=conv.bias is not None,
            device="meta",
        )
        product.weight = conv.weight
        product.bias = conv.bias
        parent.proj = product
    return model
