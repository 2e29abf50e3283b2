"""Could an honest policy have written this? Stages in order, and what follows from a refusal.

A stage sees a round's completions and says of each: accepted, refused, or undecided. The room
knows texts, tokens and rewards; it knows no network, and trains nothing.
"""

from node.verification.audit import EquationAudit
from node.verification.completeness import Completeness
from node.verification.copies import Copies, explained_by_likelihood
from node.verification.form import Form, FormSettings
from node.verification.length import Length, LengthSettings
from node.verification.pipeline import Pipeline, Stage
from node.verification.refusals import Action, RefusalSettings, Taught, what_teaches
from node.verification.submission import Judged, Submission

__all__ = [
    "Action",
    "Completeness",
    "Copies",
    "EquationAudit",
    "Form",
    "FormSettings",
    "Judged",
    "Length",
    "LengthSettings",
    "Pipeline",
    "RefusalSettings",
    "Stage",
    "Submission",
    "Taught",
    "explained_by_likelihood",
    "what_teaches",
]
