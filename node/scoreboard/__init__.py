"""What a watcher of a swarm sees: progress while it runs, and the scoreboard at its end.

Computed from the nodes' metrics lines alone. It knows nothing of processes.
"""

from node.scoreboard.board import scoreboard
from node.scoreboard.harm import Experiment
from node.scoreboard.lines import Lines
from node.scoreboard.progress import Progress
from node.scoreboard.show import show_scoreboard

__all__ = ["Experiment", "Lines", "Progress", "scoreboard", "show_scoreboard"]
