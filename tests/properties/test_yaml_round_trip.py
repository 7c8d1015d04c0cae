"""Whatever document is written as YAML is read back as the same document."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from planctl.core.document import Document, Mapping, Node, Scalar
from planctl.files.yaml_reader import read_text
from planctl.files.yaml_writer import write_yaml

# Texts a catalog may hold: no controls but tab and line end, no line separators, no surrogates.
TEXTS = st.one_of(
    st.text(
        st.characters(
            exclude_categories=("Cs", "Zl", "Zp"),
            exclude_characters=[
                chr(code) for code in (*range(9), *range(11, 32), *range(127, 160), 0xFFFE, 0xFFFF)
            ],
        ),
        max_size=20,
    ),
    st.text("ab01 \t\n:#-?,[]{}&*!|>'\"%@`<~=\\._/+", max_size=12),
    st.sampled_from(["null", "~", "", "no", "True", "1e3", "010", "12:30", "<<", "---", "...", "2024-02-30"]),
    st.decimals(allow_nan=False, allow_infinity=False, places=4).map(lambda number: f"{number:f}"),
)
DOCUMENTS: st.SearchStrategy[Document] = st.recursive(
    st.one_of(st.none(), st.booleans(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=20,
)


def plain(node: Node | None) -> Document:
    """The document a tree stands for."""
    assert node is not None
    if isinstance(node, Mapping):
        return {entry.key.text: plain(entry.value) for entry in node.entries}
    if not isinstance(node, Scalar):
        return [plain(item) for item in node.items]
    if node.is_null:
        return None
    return node.text == "true" if not node.quoted and node.text in {"true", "false"} else node.text


@given(st.dictionaries(TEXTS, DOCUMENTS, max_size=5))
def test_a_document_is_read_back_as_it_was_written(document: dict[str, Document]) -> None:
    source = read_text(write_yaml(document), "written.yaml")
    assert source.findings == ()
    assert plain(source.files[0].node) == document


@given(st.dictionaries(TEXTS, DOCUMENTS, min_size=1, max_size=3), st.text(max_size=30))
def test_a_comment_changes_nothing(document: dict[str, Document], comment: str) -> None:
    comments = dict.fromkeys(["", *document], comment)
    source = read_text(write_yaml(document, comments), "written.yaml")
    assert source.findings == ()
    assert plain(source.files[0].node) == document


@given(st.text(max_size=200))
def test_any_text_at_all_is_read_without_a_crash(text: str) -> None:
    source = read_text(text, "any.yaml")
    assert source.files[0].node is not None or source.findings
    for finding in source.findings:
        assert finding.place.file == "any.yaml"
        assert finding.place.line <= text.count("\n") + 1


@given(st.text("ab1 \t\n\r:#-?,[]{}&*!|>'\"%@`<~\\\ufeff", max_size=60))
def test_any_signs_of_yaml_are_read_without_a_crash(text: str) -> None:
    source = read_text(text, "any.yaml")
    assert source.files[0].node is not None or source.findings
