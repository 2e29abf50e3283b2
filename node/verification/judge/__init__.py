"""A model as auditor: for peers whose weights are not ours, so that nothing can be replayed.

The room knows questions, texts and verdicts; it knows no peer, no reward but as an order of
asking, and no network but the one server that an operator named.
"""

from node.verification.judge.examination import Examination, examine
from node.verification.judge.local import LocalJudge
from node.verification.judge.named import backend_named, builtin_judge, judge_stage
from node.verification.judge.quoting import Quoted, quoted
from node.verification.judge.remote import RemoteJudge
from node.verification.judge.replies import Backend, Leaning, Question, Reply, Said, Silence
from node.verification.judge.stage import JudgeStage
from node.verification.judge.templates import Reading, Template, template_named
from node.verifying import JudgeSettings

__all__ = [
    "Backend",
    "Examination",
    "JudgeSettings",
    "JudgeStage",
    "Leaning",
    "LocalJudge",
    "Question",
    "Quoted",
    "Reading",
    "RemoteJudge",
    "Reply",
    "Said",
    "Silence",
    "Template",
    "backend_named",
    "builtin_judge",
    "examine",
    "judge_stage",
    "quoted",
    "template_named",
]
