"""Groups of rewarded completions to optimiser steps; knows no peer, no network and no task."""

from node.trainer.lesson import Example, Lesson, lesson_of
from node.trainer.training import Trainable, Trainer

__all__ = [
    "Example",
    "Lesson",
    "Trainable",
    "Trainer",
    "lesson_of",
]
