"""The schema of a filter document takes what the parser takes, and refuses the same shapes."""

from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator

from crm_plugin.segments.language.document_schema import schemas
from tests.segments.test_agreement import trees
from tests.segments.test_parse import BAD, GOOD

VALIDATOR = OAS31Validator({"$ref": "#/components/schemas/Tree", "components": {"schemas": schemas()}})
SHAPES = ("not_a_tree", "not_a_group", "unknown_key", "unknown_combinator", "empty_group", "bad_match")
"""Refusals that are about the shape of a document and not about one field or one installation."""


@pytest.mark.parametrize("document", GOOD)
def test_what_the_parser_takes_is_valid(document: Any) -> None:
    VALIDATOR.validate(document)


def test_trees_over_every_field_and_operator_are_valid() -> None:
    for document, _tree, _present in trees(1, 200, "sqlite"):
        VALIDATOR.validate(document)


@pytest.mark.parametrize("document", [one[0] for one in BAD if one[1].removeprefix("segment.") in SHAPES])
def test_a_shape_that_the_parser_refuses_is_not_valid(document: Any) -> None:
    assert not VALIDATOR.is_valid(document)
