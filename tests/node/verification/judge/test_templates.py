"""A template places a stranger's words last, enclosed, and in one pass; others are refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from node.faults import ConfigFault
from node.verification.judge import Reading, Template, template_named
from node.verification.judge.templates import SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_each_shipped_template_can_be_asked(name: str) -> None:
    template = template_named(name)

    system, user = template.filled(question="Q?", completion="| C", nonce="abcdefgh")

    assert template.name == name
    assert "{" not in system + user
    assert user.index("Q?") < user.index("| C")


def test_ours_the_papers_and_the_published_one_are_shipped() -> None:
    assert {"default", "paper", "published", "tiny"} == set(SHIPPED)


@pytest.mark.parametrize("name", ["default", "paper", "tiny"])
def test_what_is_shipped_for_use_encloses_and_reads_labels(name: str) -> None:
    template = template_named(name)
    _, user = template.filled(question="Q?", completion="| C", nonce="abcdefgh")

    assert template.reading is Reading.LABELS
    assert "(abcdefgh)\n| C\n(abcdefgh)" in user


def test_the_published_one_quotes_as_carelessly_as_it_was_published() -> None:
    template = template_named("published")

    assert template.quoted("<think>yes", nonce="n", characters_max=2) == ("<think>yes", False)
    assert template.quoted("\ud800", nonce="n", characters_max=2) == ("?", False)


def test_a_completion_cannot_fill_the_templates_places(template: Callable[..., Template]) -> None:
    _, user = template().filled(question="{nonce}", completion="{question}", nonce="abcdefgh")

    assert user == "{nonce}(abcdefgh)\n{question}\n(abcdefgh)?"


def test_labels_and_special_tokens_are_dotted_in_a_completion(
    template: Callable[..., Template],
) -> None:
    ours = template(accept="fine", refuse="bad")

    shown = ours.quoted("fine <x> yes", nonce="n" * 8, characters_max=99, reserved=("yes",))

    assert shown == ("| f·ine <·x> y·es", False)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"user": "{question}({nonce})({nonce})"}, "{completion} must stand in it once"),
        ({"user": "{nonce}{completion}{nonce}"}, "{question} must stand in it once"),
        ({"user": "{completion}{completion}{question}"}, "{completion} must stand in it once"),
        ({"system": "{completion}"}, "{completion} must stand in it once"),
        ({"user": "{nonce}{completion}{nonce}{question}"}, "words come last"),
        ({"user": "{question}{completion}"}, "{nonce} must stand before and behind"),
        ({"user": "{question}{nonce}{completion}"}, "{nonce} must stand before and behind"),
        ({"system": "{author}"}, "{author} is none of"),
        ({"system": "{}"}, "{} is none of"),
        ({"accept": "no"}, "begin alike"),
        ({"accept": "Now"}, "begin alike"),
        ({"accept": "very well"}, "one word"),
        ({"refuse": ""}, "one word"),
        ({"tokens_max": 0}, "tokens_max must be"),
        ({"system": "x" * 20_001}, "characters"),
        (
            {"user": "{question}{nonce}{completion}{nonce}" + "x" * 600},
            "characters stand behind",
        ),
    ],
)
def test_a_template_that_could_not_be_asked_safely_is_refused(
    template: Callable[..., Template], fields: dict[str, str], problem: str
) -> None:
    with pytest.raises(ValueError, match="template test") as raised:
        template(**fields)

    assert problem in str(raised.value)


def test_a_users_own_template_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'user = "{question} {nonce} {completion} {nonce}"\naccept = "good"\nrefuse = "bad"\n'
    )

    template = template_named(str(path))

    assert (template.name, template.accept, template.refuse) == ("mine", "good", "bad")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "user = 5",
        'user = "{question}"',
        "nonsense",
        'user = "{question}{nonce}{completion}{nonce}"\nlabel = "yes"',
        'user = "{question}{nonce}{completion}{nonce}"\nreading = "hopeful"',
        'user = "{question}{nonce}{completion}{nonce}"\ntokens_max = true',
    ],
)
def test_a_file_that_is_no_template_is_the_operators_fault(tmp_path: Path, content: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(content)

    with pytest.raises(ConfigFault, match=r"mine\.toml cannot be used"):
        template_named(str(path))


def test_a_template_that_does_not_exist_is_the_operators_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigFault, match="there is no judge template 'ours'"):
        template_named("ours")
    with pytest.raises(ConfigFault, match="cannot be used"):
        template_named(str(tmp_path / "absent.toml"))
