"""What a piece means beside its neighbours: whether `x` multiplies, `-` joins, `of` takes part.

It knows the order of the pieces and no values.
"""

from collections.abc import Callable
from dataclasses import replace

from node.verification.arithmetic import vocabulary as words
from node.verification.arithmetic.lexemes import NOTHING, Kind, Lexeme

OPERAND_ENDS = frozenset({Kind.NUMBER, Kind.CLOSE, Kind.PERCENT, Kind.MONEY, Kind.WORD})
OPERAND_STARTS = frozenset({Kind.NUMBER, Kind.OPEN, Kind.MONEY, Kind.FRACTION})
_NUMBER_ENDS = frozenset({Kind.NUMBER, Kind.CLOSE, Kind.PERCENT})
_NUMBER_STARTS = frozenset({Kind.NUMBER, Kind.MONEY})
_WORDS_OF_A_LETTER = frozenset("ai")
_PER_LETTERS = words.LETTER_UNITS | {"s"}


def settled(found: list[Lexeme]) -> list[Lexeme]:
    """Return the pieces with every doubtful one made a sign, a word or opaque."""
    done: list[Lexeme] = []
    for index, lexeme in enumerate(found):
        settle = _SETTLED_AS.get(lexeme.kind)
        if settle is None:
            done.append(lexeme)
        else:
            settle(done, lexeme, found[index + 1 : index + 3])
    return done


def glued(left: Lexeme, right: Lexeme) -> bool:
    """Tell whether nothing stands between two pieces, not even a blank."""
    return left.end == right.start


def _settle_word(done: list[Lexeme], word: Lexeme, ahead: list[Lexeme]) -> None:
    last = done[-1] if done else NOTHING
    following = ahead[0] if ahead else NOTHING
    between = last.kind in OPERAND_ENDS and following.kind in OPERAND_STARTS
    pair = (last.text, word.text)
    if pair in words.SIGN_PHRASES:
        done[-1] = Lexeme(Kind.SIGN, last.start, word.end, words.SIGN_PHRASES[pair])
    elif word.text == "equal" and last.kind in _NUMBER_ENDS and following.kind in _NUMBER_STARTS:
        done.append(replace(word, kind=Kind.EQUALS))
    elif pair in words.EQUAL_PHRASES:
        done[-1] = Lexeme(Kind.EQUALS, last.start, word.end, "equals")
    elif word.text == "x":
        kind = Kind.SIGN if between else Kind.LETTER
        done.append(replace(word, kind=kind, text="*"))
    elif word.text in words.SIGN_WORDS and between and last.kind is not Kind.WORD:
        done.append(replace(word, kind=Kind.SIGN, text=words.SIGN_WORDS[word.text]))
    elif word.text == "of" and _takes_part(done) and _operand_ahead(ahead):
        done.append(replace(word, kind=Kind.SIGN, text="*"))
    elif _is_unknown(word, last):
        done.append(replace(word, kind=Kind.LETTER))
    else:
        done.append(word)


def _settle_sign(done: list[Lexeme], sign: Lexeme, ahead: list[Lexeme]) -> None:
    last = done[-1] if done else NOTHING
    following = ahead[0] if ahead else NOTHING
    if sign.text == "^":
        _settle_power(done, sign, last)
    elif sign.text == "/" and _is_rate(last, following):
        done.append(replace(sign, kind=Kind.WORD))
    elif sign.text == "-" and glued(last, sign) and glued(sign, following):
        done.append(replace(sign, kind=_hyphen(done, following)))
    else:
        done.append(sign)


def _is_rate(last: Lexeme, following: Lexeme) -> bool:
    """Tell whether a bar stands for "per": in "$5/hour", and in "9 m/s"."""
    if following.kind is not Kind.WORD:
        return False
    return len(following.text) > 1 or (last.kind is Kind.WORD and following.text in _PER_LETTERS)


def _settle_power(done: list[Lexeme], sign: Lexeme, last: Lexeme) -> None:
    if last.kind is Kind.WORD:
        done.append(replace(sign, kind=Kind.WORD))  # "cm^2" is a unit
        return
    done.append(sign)
    if sign.value:
        done.append(replace(sign, kind=Kind.NUMBER))


def _settle_number(done: list[Lexeme], number: Lexeme, _: list[Lexeme]) -> None:
    last = done[-1] if done else NOTHING
    if last.kind is Kind.WORD and last.text == "^":
        done.append(replace(number, kind=Kind.WORD))
    elif number.text in words.VULGAR and last.kind is Kind.NUMBER and not last.decimals:
        done[-1] = Lexeme(Kind.NUMBER, last.start, number.end, "", last.value + number.value)
    else:
        done.append(number)


def _hyphen(done: list[Lexeme], following: Lexeme) -> Kind:
    if following.kind is Kind.WORD:
        return Kind.WORD  # "20-pound", "well-known"
    if done[-1].kind is Kind.WORD and (len(done) < 2 or done[-2].kind is not Kind.NUMBER):  # noqa: PLR2004 - a word and what is before it
        return Kind.OPAQUE  # "mid-2020"; but "5apples-3" subtracts
    return Kind.SIGN


def _takes_part(done: list[Lexeme]) -> bool:
    """Tell whether the last operand is a share of something: 20%, 3/4, 3/4th."""
    tail = [one for one in done[-4:] if one.text not in words.ORDINALS]
    if not tail:
        return False
    if tail[-1].kind is Kind.PERCENT or tail[-1].text in words.VULGAR:
        return True
    return [one.kind for one in tail[-3:]] == [Kind.NUMBER, Kind.SIGN, Kind.NUMBER] and (
        tail[-2].text == "/"
    )


def _operand_ahead(ahead: list[Lexeme]) -> bool:
    kinds = [one.kind for one in ahead if one.text not in words.DETERMINERS]
    return bool(kinds) and kinds[0] in OPERAND_STARTS


def _is_unknown(word: Lexeme, last: Lexeme) -> bool:
    """Tell whether a word is the letter of an unknown: `n`, and `A` in `5A`."""
    if len(word.text) != 1 or not word.text.isalpha():
        return False
    if last.kind is Kind.WORD and last.text == "/":
        return False
    if last.kind is Kind.NUMBER:
        return glued(last, word) or word.text not in words.LETTER_UNITS | _WORDS_OF_A_LETTER
    return word.text not in _WORDS_OF_A_LETTER


def _settle_equals(done: list[Lexeme], equal: Lexeme, _: list[Lexeme]) -> None:
    if done and done[-1].kind is Kind.EQUALS:
        done[-1] = replace(done[-1], end=equal.end)  # "= =" says nothing else than "="
    else:
        done.append(equal)


_SETTLED_AS: dict[Kind, Callable[[list[Lexeme], Lexeme, list[Lexeme]], None]] = {
    Kind.WORD: _settle_word,
    Kind.SIGN: _settle_sign,
    Kind.NUMBER: _settle_number,
    Kind.EQUALS: _settle_equals,
}
"""Kinds that depend on their neighbours; all others are what they look like."""
