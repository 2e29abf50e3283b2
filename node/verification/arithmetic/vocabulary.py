"""The signs and words that arithmetic is written with, as tables; no code.

English is the only language whose words are known. A word in none of these tables is taken
for a unit ("3 apples"), which changes no value.
"""

from fractions import Fraction

SIGNS = {
    **dict.fromkeys("+\N{FULLWIDTH PLUS SIGN}", "+"),
    **dict.fromkeys(
        "-\N{MINUS SIGN}\N{EN DASH}\N{EM DASH}\N{FIGURE DASH}\N{HYPHEN}\N{NON-BREAKING HYPHEN}"
        "\N{SMALL HYPHEN-MINUS}\N{FULLWIDTH HYPHEN-MINUS}",
        "-",
    ),
    **dict.fromkeys(
        "*\N{MULTIPLICATION SIGN}\N{MULTIPLICATION X}\N{N-ARY TIMES OPERATOR}\N{MIDDLE DOT}"
        "\N{DOT OPERATOR}\N{BULLET OPERATOR}\N{ASTERISK OPERATOR}\N{FULLWIDTH ASTERISK}",
        "*",
    ),
    **dict.fromkeys(
        "/\N{DIVISION SIGN}\N{FRACTION SLASH}\N{DIVISION SLASH}\N{FULLWIDTH SOLIDUS}", "/"
    ),
    **dict.fromkeys("^\N{FULLWIDTH CIRCUMFLEX ACCENT}", "^"),
}
SUPERSCRIPTS = {"\N{SUPERSCRIPT TWO}": 2, "\N{SUPERSCRIPT THREE}": 3}
VULGAR = {
    "\N{VULGAR FRACTION ONE QUARTER}": Fraction(1, 4),
    "\N{VULGAR FRACTION ONE HALF}": Fraction(1, 2),
    "\N{VULGAR FRACTION THREE QUARTERS}": Fraction(3, 4),
    "\N{VULGAR FRACTION ONE THIRD}": Fraction(1, 3),
    "\N{VULGAR FRACTION TWO THIRDS}": Fraction(2, 3),
    "\N{VULGAR FRACTION ONE FIFTH}": Fraction(1, 5),
    "\N{VULGAR FRACTION TWO FIFTHS}": Fraction(2, 5),
    "\N{VULGAR FRACTION THREE FIFTHS}": Fraction(3, 5),
    "\N{VULGAR FRACTION FOUR FIFTHS}": Fraction(4, 5),
    "\N{VULGAR FRACTION ONE SIXTH}": Fraction(1, 6),
    "\N{VULGAR FRACTION FIVE SIXTHS}": Fraction(5, 6),
    "\N{VULGAR FRACTION ONE EIGHTH}": Fraction(1, 8),
    "\N{VULGAR FRACTION THREE EIGHTHS}": Fraction(3, 8),
    "\N{VULGAR FRACTION FIVE EIGHTHS}": Fraction(5, 8),
    "\N{VULGAR FRACTION SEVEN EIGHTHS}": Fraction(7, 8),
}
OPENING = frozenset("([{\N{FULLWIDTH LEFT PARENTHESIS}")
CLOSING = frozenset(")]}\N{FULLWIDTH RIGHT PARENTHESIS}")
EQUAL = frozenset("=\N{FULLWIDTH EQUALS SIGN}")
ABOUT = frozenset("~\N{ALMOST EQUAL TO}\N{ASYMPTOTICALLY EQUAL TO}\N{APPROXIMATELY EQUAL TO}")
PERCENT = frozenset("%\N{FULLWIDTH PERCENT SIGN}\N{ARABIC PERCENT SIGN}")
STOPS = frozenset(".!?;:,|<>\N{NOT EQUAL TO}\N{LESS-THAN OR EQUAL TO}\N{GREATER-THAN OR EQUAL TO}")
ORNAMENTS = frozenset(
    "\"'`_&\N{HORIZONTAL ELLIPSIS}\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"
)
"""Quotation marks, emphasis and alignment: they stand in equations and mean nothing there."""

LATEX = {
    **dict.fromkeys(("times", "cdot", "ast"), "*"),
    **dict.fromkeys(("div", "over"), "/"),
    **dict.fromkeys(("approx", "sim", "simeq"), "\N{ALMOST EQUAL TO}"),
    **dict.fromkeys(("left", "right", "boxed", "quad", "displaystyle"), " "),
    **dict.fromkeys(("text", "mathrm", "textbf", "mathbf", "textit"), " "),
}
FRACTIONS = frozenset({"frac", "dfrac", "tfrac"})

SIGN_WORDS = {"plus": "+", "minus": "-", "times": "*"}
"""Signs where a number stands on either side of them, else plain words."""
SIGN_PHRASES = {("divided", "by"): "/", ("multiplied", "by"): "*"}
EQUAL_WORDS = frozenset({"equals"})
EQUAL_PHRASES = frozenset({("equal", "to")})
PERCENT_WORDS = frozenset({"percent", "percents"})

LABELS = frozenset(
    [
        "step",
        "day",
        "week",
        "month",
        "year",
        "round",
        "part",
        "case",
        "problem",
        "question",
        "chapter",
        "room",
        "grade",
        "level",
        "page",
        "number",
        "no",
        "house",
        "team",
        "class",
        "group",
        "game",
        "week",
        "item",
        "option",
        "note",
        "line",
        "section",
    ]
)
"""Before a number they make a name of it: "Step 1 - 3 + 2 = 5" does not subtract."""

COUNTING = frozenset(
    [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
        "twenty",
        "thirty",
        "forty",
        "fifty",
        "sixty",
        "seventy",
        "eighty",
        "ninety",
        "hundred",
        "hundreds",
        "thousand",
        "thousands",
        "million",
        "millions",
        "billion",
        "billions",
        "dozen",
        "dozens",
        "half",
        "halves",
        "third",
        "thirds",
        "quarter",
        "quarters",
        "fourth",
        "fourths",
        "fifth",
        "fifths",
        "sixth",
        "sixths",
        "seventh",
        "eighth",
        "eighths",
        "ninth",
        "tenth",
        "tenths",
        "twice",
        "thrice",
        "double",
        "doubled",
        "triple",
        "tripled",
        "squared",
        "cubed",
        "point",
        "negative",
    ]
)
"""Words that change the value of a number beside them: "half of 20", "5 million"."""
RELATING = frozenset({"of", "than", "times", "to", "from", "by"})
"""Words that make one value of two numbers: "5 more than 3 + 2", "adds 10 to 3 + 2"."""
