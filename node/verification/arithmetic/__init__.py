"""Written arithmetic: the equations of a text, and whether each holds; knows texts only."""

from node.verification.arithmetic.equations import Equation, Truth, equations

__all__ = ["Equation", "Truth", "equations"]
