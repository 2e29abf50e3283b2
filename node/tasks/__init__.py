"""Prompts with verifiable rewards, and the judgement of completions.

A task is named in the settings (`task_named`), hands out prompts by index and scores what
is written after them. The room knows nothing of models, peers or rounds.
"""

from node.tasks.named import task_named
from node.tasks.task import SCHEMES, Prompt, Score, Task, reward

__all__ = ["SCHEMES", "Prompt", "Score", "Task", "reward", "task_named"]
