"""The signs and words that arithmetic is written with, as tables; no code.

English is the only language whose words are known. A word in none of these tables is taken
for a unit ("3 apples"), which changes no value.
"""

from fractions import Fraction


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


SIGNS = {
    **dict.fromkeys("+\N{FULLWIDTH PLUS SIGN}", "+"),
    **dict.fromkeys(
        "-\N{MINUS SIGN}\N{EN DASH}\N{EM DASH}\N{FIGURE DASH}\N{HYPHEN}\N{NON-BREAKING HYPHEN}"
        "\N{SMALL HYPHEN-MINUS}\N{FULLWIDTH HYPHEN-MINUS}",
        "-",
    ),
    **dict.fromkeys(
        "*\N{MULTIPLICATION SIGN}\N{MULTIPLICATION X}\N{N-ARY TIMES OPERATOR}\N{MIDDLE DOT}"
        "\N{DOT OPERATOR}\N{BULLET OPERATOR}\N{ASTERISK OPERATOR}\N{FULLWIDTH ASTERISK}"
        "\N{LOW ASTERISK}",
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
CROSSES = frozenset("x\N{CYRILLIC SMALL LETTER HA}")
EQUAL = frozenset(
    "=\N{FULLWIDTH EQUALS SIGN}\N{SMALL EQUALS SIGN}\N{IDENTICAL TO}\N{COLON EQUALS}"
    "\N{APPROACHES THE LIMIT}\N{DELTA EQUAL TO}"
)
ARROWS = frozenset(
    "\N{RIGHTWARDS ARROW}\N{RIGHTWARDS DOUBLE ARROW}\N{LONG RIGHTWARDS ARROW}"
    "\N{LONG RIGHTWARDS DOUBLE ARROW}\N{RIGHTWARDS ARROW FROM BAR}"
) | {"->", "=>"}
"""They stand for an equals sign at times: "12 + 7 -> 19"."""
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
    **dict.fromkeys(("equiv", "coloneqq", "doteq", "triangleq"), "="),
    **dict.fromkeys(("to", "rightarrow", "Rightarrow", "longrightarrow", "implies"), "=>"),
    **dict.fromkeys(("approx", "sim", "simeq"), "\N{ALMOST EQUAL TO}"),
    **dict.fromkeys(("left", "right", "boxed", "quad", "qquad", "displaystyle"), ""),
    **dict.fromkeys(("text", "mathrm", "textbf", "mathbf", "textit"), ""),
}
FRACTIONS = frozenset({"frac", "dfrac", "tfrac"})

SIGN_WORDS = {"plus": "+", "minus": "-", "times": "*"}
"""Signs where a number stands on either side of them, else plain words."""
SIGN_PHRASES = {("divided", "by"): "/", ("multiplied", "by"): "*"}
EQUAL_WORDS = frozenset({"equals"})
EQUAL_PHRASES = frozenset({("equal", "to")})
PERCENT_WORDS = frozenset({"percent", "percents"})
APPROXIMATE = _listed("about approximately around roughly nearly almost")
ORDINALS = _listed("st nd rd th ths rds")
DETERMINERS = _listed("the these those that this his her its their our my your")
FILLERS = frozenset({"another"})
"""Between a sign and its number they change nothing: "12 + another 7"."""
LETTER_UNITS = frozenset("gmlh")
"""Gram, metre, litre, hour, where a blank parts them from the number; glued to it, as in
`2m`, a letter is an unknown."""

LABELS = _listed(
    "step day week month year part case problem question chapter grade level page pages ages "
    "january february march april may june july august september october november december"
)
"""Before a number they make a name of it: "Step 1 - 3 + 2 = 5" does not subtract."""
FUNCTIONS = _listed(
    "root square cube sqrt cbrt log ln lg exp sin cos tan cot sec csc abs "
    "gcd gcf hcf lcm mod modulo factorial factor factors multiple multiples divisor divisors"
)
"""Before a number, or with "of" between, they make another one of it: "the square of 5"."""
HALF_DAYS = frozenset({"am", "pm", "o'clock"})
FEW = _listed("no none nothing both neither pair pairs couple couples noon midnight")
"""Numbers that are not spelled as one."""
MODULAR = frozenset({"mod", "modulo"})
SCALING = {
    "dozen": 12,
    "dozens": 12,
    "hundred": 100,
    "hundreds": 100,
    "thousand": 1000,
    "thousands": 1000,
    "million": 10**6,
    "millions": 10**6,
    "billion": 10**9,
    "billions": 10**9,
}
"""After a number they multiply it, or are a unit that both sides share."""
COUNTING = _listed(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty "
    "ninety half halves thirds fourths fifths sixths eighths tenths twice thrice double triple "
    "squared cubed point"
)
"""Words that change the value of a number beside them: "half of 20", "5 squared"."""
SHARES = _listed(
    "third quarter quarters fourth fifth sixth seventh eighth ninth tenth negative"
) | frozenset(SCALING)
"""Before a number, as in "a third of 12", they do so too; after one they are a rank or coins."""
COMPARING = frozenset({"than", "times"})
"""Between two numbers they make one of them: "5 more than 3 + 2"."""
COMPUTING = _listed(
    "add adds added adding subtract subtracts subtracted subtracting take takes taking "
    "multiply multiplies multiplied multiplying divide divides divided dividing increase "
    "increases increased reduce reduces reduced"
)
JOINING = _listed("to from by")
"""After a word of `COMPUTING` they join two numbers: "add 10 to the 3 + 2 that are there"."""
CONNECTIVES = _listed(
    "and because but has have if is are since so that then therefore thus was were which while"
)
"""Words that end a phrase: what is on their two sides is hardly one expression."""
CLAUSE_ENDS = (
    CONNECTIVES
    | _listed("or as get gets got gives makes leaves equals means hence also now")
    | {""}
)
"""Words that make no name of the number after them: "so 4 = 5", but "Book 1 = 20"."""

_SCALES: tuple[dict[str, int], ...] = (
    {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800},
    {"inch": 1, "inches": 1, "foot": 12, "feet": 12, "yard": 36, "mile": 63360},
    {"mm": 1, "cm": 10, "centimeter": 10, "meter": 1000, "km": 1000000, "kilometer": 1000000},
    {"ounce": 1, "oz": 1, "pound": 16, "lb": 16},
    {"gram": 1, "g": 1, "kg": 1000, "kilogram": 1000},
    {"cup": 1, "pint": 2, "quart": 4, "gallon": 16},
    {"ml": 1, "milliliter": 1, "liter": 1000, "l": 1000},
    {
        "cent": 1,
        "\N{CENT SIGN}": 1,
        "dollar": 100,
        "$": 100,
        "penny": 1,
        "pennies": 1,
        "nickel": 5,
        "dime": 10,
        "quarter": 25,
    },
    {"month": 1, "year": 12},
)
MEASURES = {
    word: (scale, size)
    for scale, sizes in enumerate(_SCALES)
    for unit, size in sizes.items()
    for word in (unit, unit + "s")
}
"""Units of one scale, each with its size in the smallest: "$1 / 2 = 50 cents" holds."""
