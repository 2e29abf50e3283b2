"""A model's and an optimiser's tensors by name, as a snapshot wants them; knows no training."""

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from node.checkpoint import copy_into

Named = Mapping[str, nn.Parameter]


def trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that training changes, by name; tied ones once."""
    return {
        name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad
    }


def distinct_tensors(model: nn.Module) -> dict[str, Tensor]:
    """The module's tensors, without the second names of tied weights, which no file can hold."""
    kept: dict[str, Tensor] = {}
    places: set[tuple[int, tuple[int, ...]]] = set()
    for name, tensor in model.state_dict().items():
        place = (tensor.data_ptr(), tuple(tensor.shape))
        if place not in places or not tensor.numel():
            kept[name] = tensor
            places.add(place)
    return kept


@contextlib.contextmanager
def replaced(parameters: Named, weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Let parameters hold other weights for a while; nothing is copied.

    Args:
        parameters: By name.
        weights: Of the same names, shapes and types.
    """
    own = {name: parameter.data for name, parameter in parameters.items()}
    try:
        for name, parameter in parameters.items():
            parameter.data = weights[name]
        yield
    finally:
        for name, parameter in parameters.items():
            parameter.data = own[name]


def moments_by_name(optimizer: torch.optim.AdamW, parameters: Named) -> dict[str, Tensor]:
    """Name AdamW's state "exp_avg/<parameter>" and so on; empty before the first step."""
    return {
        f"{kind}/{name}": value
        for name, parameter in parameters.items()
        for kind, value in optimizer.state.get(parameter, {}).items()
    }


def moments_from(saved: Mapping[str, Tensor], parameters: Named) -> dict[Tensor, dict[str, Tensor]]:
    """Rebuild AdamW's state from what `moments_by_name` gave, on the parameters' own devices.

    Raises:
        CheckpointFault: It is of other parameters.
    """
    moments: dict[Tensor, dict[str, Tensor]] = {}
    named: dict[str, Tensor] = {}
    for name, parameter in parameters.items():
        if f"step/{name}" in saved:
            moments[parameter] = {
                "step": torch.zeros((), device=parameter.device),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
            named |= {f"{kind}/{name}": value for kind, value in moments[parameter].items()}
    copy_into(named, saved, what="optimiser")
    return moments
