from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sayo_app.core.attention.steps import answer_text, fact_tokens, has_format, split_steps

WORDS = [" the", " 3", "5", "1", "So", ".", "!", "?", ")", '"', "<", " <", "answer", ">", ".\n", "\nSo"]
PIECES = [*WORDS, "\n", " ", "\n\n", "<answer>", "</answer>", "<think>", "</think>", "<|im_end|>", "<eos>"]


def texts(tokens: list[str]) -> list[tuple[str, str]]:
    return [(step.text, step.kind) for step in split_steps(tokens)]


def test_sentences_then_the_answer() -> None:
    reasoning = ["The", " cat", " sits", ".", " It", " is", " red", "!"]
    answer = [" <", "answer", ">", "red", ".", " x", "</", "answer", ">"]
    steps = split_steps([*reasoning, *answer, "<|im_end|>"])
    assert [(s.index, s.start, s.stop, s.text, s.kind) for s in steps] == [
        (0, 0, 4, "The cat sits.", "reasoning"),
        (1, 4, 8, "It is red!", "reasoning"),
        (2, 8, 17, "<answer>red. x</answer>", "answer"),
    ]


@pytest.mark.parametrize(
    ("tokens", "wanted"),
    [
        (["It", " is", " 3", ".", "5", " m", ".", " So"], ["It is 3.5 m.", "So"]),
        (["1", ".", " Look", ".", "\n", "2", ".", " Say", "."], ["1. Look.", "2. Say."]),
        (["one", "\n", "two", "\nthree", "\n\n", "\n"], ["one", "two", "three"]),
        (["Why", "?!", " So", "...", " ok"], ["Why?!", "So...", "ok"]),
        (['"', "Red", ".", '"', " Yes"], ['"Red."', "Yes"]),
        (["<think>", "\n", "Hm", ".", "\n", "</think>", "\n\n", "Yes"], ["<think>\nHm.\n</think>", "Yes"]),
        ([" ", "\n", "late", " start"], ["late start"]),
        ([" ", "\n"], []),
        ([], []),
        (["<|im_end|>"], []),
        (["a", "<|im_end|>", "b"], ["a", "b"]),
    ],
)
def test_where_sentences_end(tokens: list[str], wanted: list[str]) -> None:
    assert texts(tokens) == [(text, "reasoning") for text in wanted]


@pytest.mark.parametrize(
    ("tokens", "wanted"),
    [
        (["<answer>", "a"], [("<answer>a", "answer")]),
        (["\n", "<answer>", "a"], [("<answer>a", "answer")]),
        # One token holds the end of the sentence and the "<": it belongs to the answer.
        (["Red", ".<", "answer", ">", "a"], [("Red", "reasoning"), (".<answer>a", "answer")]),
        (["So", ".", "<answer>", "a", "<|x|>", "b"],
         [("So.", "reasoning"), ("<answer>a", "answer"), ("b", "answer")]),
        (["<", "answers", ">"], [("<answers>", "reasoning")]),
    ],
)  # fmt: skip
def test_where_the_answer_begins(tokens: list[str], wanted: list[tuple[str, str]]) -> None:
    assert texts(tokens) == wanted


@given(st.lists(st.sampled_from(PIECES), max_size=25))
def test_every_word_is_in_exactly_one_step(tokens: list[str]) -> None:
    steps = split_steps(tokens)
    held = [index for step in steps for index in range(step.start, step.stop)]
    assert held == sorted(set(held))
    assert [step.index for step in steps] == list(range(len(steps)))
    special = {"<|im_end|>", "<eos>"}
    assert not any(tokens[index] in special for index in held)
    missed = [tokens[index] for index in range(len(tokens)) if index not in held]
    assert all(token in special or token in {"<think>", "</think>"} or not token.strip() for token in missed)
    kinds = [step.kind for step in steps]
    assert kinds == sorted(kinds, reverse=True)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("It is red. <answer> red </answer>", "red"),
        ("<answer>a</answer> no: <answer>b\nc</answer>", "b\nc"),
        ("<answer></answer>", ""),
        ("<answer>cut", None),
        ("red", None),
    ],
)
def test_the_last_answer_counts(text: str, answer: str | None) -> None:
    assert answer_text(text) == answer


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("It is red. <answer>red</answer>", True),
        ("It\nis red.\n<answer>red</answer>\n", True),
        ("<answer>red</answer>", False),
        ("  <answer>red</answer>", False),
        ("It is red. <answer> </answer>", False),
        ("It is red. <answer>red</answer> Sure.", False),
        ("It is red. <answer>red</answer><answer>red</answer>", False),
        ("It is red. <answer>a<answer>red</answer>", False),
        ("It is </answer> red. <answer>red</answer>", False),
        ("It is red. <answer>red", False),
        ("It is red.", False),
        ("", False),
    ],
)
def test_the_format_is_reasoning_and_one_answer(text: str, right: bool) -> None:
    assert has_format(text) is right


@pytest.mark.parametrize(
    ("tokens", "facts"),
    [
        # The last time that the reasoning names it, not the first and not the block.
        (["It", " is red", ",", " so", " red", ".", " <answer>", "red", "</answer>"], [4]),
        (["It", " is", " dark", " red", "!", "<answer>dark red</answer>"], [2, 3]),
        (["The car", "p is no ", "car", "t. <answer>", "car", "</answer>"], [4]),
        (["RED", " it is. <answer>", " red", "</answer>"], [0]),
        (["It is. ", "<answer>", "3", ".5", "</answer>"], [2, 3]),
        (["It is red", "."], []),
        (["<answer></answer>"], []),
        ([], []),
    ],
)
def test_an_answer_commits_itself_where_its_reasoning_names_it_last(
    tokens: list[str], facts: list[int]
) -> None:
    assert fact_tokens(tokens) == facts
