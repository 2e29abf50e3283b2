"""Written arithmetic: the equations of a text and its answer, and whether they hold; texts only."""

from node.verification.arithmetic.conclusions import from_nowhere
from node.verification.arithmetic.equations import Equation, Truth, equations

__all__ = ["Equation", "Truth", "equations", "from_nowhere"]
