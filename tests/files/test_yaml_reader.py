"""What the reader makes of YAML: trees that keep text and place, findings for the rest."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from planctl.core.document import Entry, Mapping, Node, Scalar, Sequence
from planctl.files import yaml_composer, yaml_reader
from planctl.files.yaml_reader import read_catalog, read_directory, read_file, read_text, read_value
from planctl.findings import Finding, Level, Place


def findings_of(text: str) -> list[str]:
    """Each finding as `line:column rule: message`."""
    return [said(finding) for finding in read_text(text, "plans.yaml").findings]


def said(finding: Finding) -> str:
    place = finding.place
    return f"{place.line}:{place.column} {finding.rule}: {finding.message}"


def tree_of(text: str) -> Mapping:
    source = read_text(text, "plans.yaml")
    assert source.findings == ()
    node = source.files[0].node
    assert node is not None
    return node


def value_of(text: str) -> Scalar:
    value = tree_of(text).entries[0].value
    assert isinstance(value, Scalar)
    return value


def at(line: int, column: int, length: int = 1) -> Place:
    return Place("plans.yaml", line, column, length)


# -- trees -------------------------------------------------------------------------------------------------


def test_every_key_and_value_keeps_its_text_and_its_place() -> None:
    assert tree_of("pro:\n  price: {USD: 19.90}\n  tags: [a, 'b']\n") == Mapping(
        (
            Entry(
                Scalar("pro", at(1, 1, 3)),
                Mapping(
                    (
                        Entry(
                            Scalar("price", at(2, 3, 5)),
                            Mapping(
                                (Entry(Scalar("USD", at(2, 11, 3)), Scalar("19.90", at(2, 16, 5))),),
                                at(2, 10, 12),
                            ),
                        ),
                        Entry(
                            Scalar("tags", at(3, 3, 4)),
                            Sequence(
                                (Scalar("a", at(3, 10, 1)), Scalar("b", at(3, 13, 3), quoted=True)),
                                at(3, 9, 8),
                            ),
                        ),
                    ),
                    at(2, 3),
                ),
            ),
        ),
        at(1, 1),
    )


@pytest.mark.parametrize(
    "written",
    [
        "19.90",
        "0.00000001",
        "1_000",
        "1e3",
        "010",
        "0x1F",
        "12:30",
        "NO",
        "on",
        "2024-02-30",
        "20%",
        "900..9_000",
        "1/10",
        ".inf",
        "null",
        "~",
        "=",
    ],
)
def test_a_plain_value_is_the_text_that_was_written(written: str) -> None:
    assert value_of(f"a: {written}") == Scalar(written, at(1, 4, len(written)))


@pytest.mark.parametrize("digits", [4_301, 100_000])
def test_a_number_of_any_length_is_text_to_the_reader(digits: int) -> None:
    assert value_of("a: " + "9" * digits).text == "9" * digits


def test_nothing_written_is_null_and_quotes_are_text() -> None:
    assert value_of("a:").is_null
    assert value_of("a: ~").is_null
    assert not value_of('a: ""').is_null
    assert not value_of("a: 'null'").is_null


def test_a_value_of_several_lines_is_marked_to_the_end_of_its_first_line() -> None:
    assert value_of('a: "one\n  two"') == Scalar("one two", at(1, 4, 4), quoted=True)
    assert value_of("a: |\n  one\n  two\n") == Scalar("one\ntwo\n", at(1, 4, 1), quoted=True)


def test_columns_count_characters_not_bytes() -> None:
    assert tree_of("é: {😀: ß}").entries[0].value == Mapping(
        (Entry(Scalar("😀", at(1, 5, 1)), Scalar("ß", at(1, 8, 1))),), at(1, 4, 6)
    )


def test_windows_line_ends_are_line_ends() -> None:
    assert tree_of("a: 1\r\nb: 2\r\n") == Mapping(
        (
            Entry(Scalar("a", at(1, 1)), Scalar("1", at(1, 4))),
            Entry(Scalar("b", at(2, 1)), Scalar("2", at(2, 4))),
        ),
        at(1, 1),
    )


def test_one_document_may_begin_with_dashes() -> None:
    assert tree_of("---\na: 1\n").get("a") == Scalar("1", at(2, 4))


def test_an_option_value_may_be_of_any_kind() -> None:
    assert read_value("3 months", "--set").node == Scalar("3 months", Place("--set", 1, 1, 8))
    assert isinstance(read_value("{USD: 19}", "--set").node, Mapping)
    assert [f.rule for f in read_value("{USD: 19", "--set").findings] == ["syntax"]


# -- what is refused ---------------------------------------------------------------------------------------


def test_a_duplicate_key_names_both_places_and_keeps_the_first() -> None:
    source = read_text("pro:\n  price: 1\n  name: Pro\n  price: 2\n", "plans.yaml")
    (finding,) = source.findings
    assert said(finding) == '4:3 duplicate-key: duplicate key "price" (first at 2:3)'
    assert finding.also == at(2, 3, 5)
    node = source.files[0].node
    assert node is not None
    assert node.get("pro") == Mapping(
        (
            Entry(Scalar("price", at(2, 3, 5)), Scalar("1", at(2, 10))),
            Entry(Scalar("name", at(3, 3, 4)), Scalar("Pro", at(3, 9, 3))),
        ),
        at(2, 3),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: {b: 1, 'b': 2}", ['1:11 duplicate-key: duplicate key "b" (first at 1:5)']),
        ("a: &x 1\nb: *x", ["1:4 anchor", "2:4 anchor"]),
        ("a: {}\n<<: {b: 1}", ["2:1 merge-key"]),
        ("a: !!python/object:os.system x", ["1:4 tag: the tag !!python/object:os.system is not allowed"]),
        ("a: !include other.yaml", ["1:4 tag: the tag !include is not allowed"]),
        ("a: !secret!x y", ["1:4 syntax: a value cannot begin with !"]),
        ("%TAG ! tag:x,1:\n---\na: 1", ["1:1 directive: a line cannot begin with %"]),
        ("%YAML 1.1\n---\na: 1", ["1:1 directive: a line cannot begin with %"]),
        ("a: 1\n---\nb: 2", ["2:1 second-document: a second document begins here"]),
        ("? [a]\n: 1\nb: 2", ["1:3 key: a key cannot be a list"]),
        ("{{a: 1}: 2}", ["1:2 key: a key cannot be a map"]),
        ("?\n: 1", ["1:2 key: a key is missing before the colon"]),
        ("- a\n- b", ["1:1 top-level: the file is not a map of sections"]),
        ("just text", ["1:1 top-level: the file is not a map of sections"]),
        ("\ufeffa: 1", ["1:1 encoding: the file begins with a byte order mark"]),
    ],
)
def test_what_yaml_allows_and_a_catalog_does_not_is_a_finding(text: str, expected: list[str]) -> None:
    found = findings_of(text)
    assert [line[: len(start)] for line, start in zip(found, expected, strict=True)] == expected


def test_the_way_to_reuse_terms_is_named_where_an_anchor_is_refused() -> None:
    assert "like:" in read_text("a: &x 1", "plans.yaml").findings[0].hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n\tb: 1\n\tc: 2", ["2:1 tab", "3:1 tab"]),
        ("a:\n  \tb: 1", ["2:3 tab"]),
        ("a: {\n\tb: 1}", ["2:1 tab"]),
        ("- \t- a", ["1:3 tab"]),
        ("a: 1\n\t\nb: 2", ["2:1 tab"]),
        ("\t# a comment\na: 1", ["1:1 tab"]),
    ],
)
def test_a_tab_never_indents(text: str, expected: list[str]) -> None:
    assert [line.split(":")[0] + ":" + line.split(":")[1] for line in findings_of(text)] == expected


@pytest.mark.parametrize("text", ["a:\t1", "a: 1\t# comment", 'a: "x\n\ty"', "a: |\n  x\n  \ty\n", "a: b\tc"])
def test_a_tab_that_indents_nothing_is_left_alone(text: str) -> None:
    assert findings_of(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: b: c", "1:5 syntax: a key cannot stand here"),
        ("a: 'x", "1:4 syntax: a quote is never closed"),
        ("a: {b: 1\nc: 2\n", "2:2 syntax: a comma or } is missing"),
        ("a: [1, 2}", "1:9 syntax: a comma or ] is missing"),
        ("a: @x", "1:4 syntax: a value cannot begin with @"),
        ('a: "\\q"', "1:5 syntax: an escape after \\ is not known"),
        ("a:\n  - 1\n - 2", "3:2 syntax: a key was expected here"),
        ("a: 1\nb\n", "3:1 syntax: this is neither a key with its value nor part of one"),
    ],
)
def test_a_syntax_error_is_said_in_plain_words_at_its_place(text: str, expected: str) -> None:
    source = read_text(text, "plans.yaml")
    assert [said(finding) for finding in source.findings] == [expected]
    assert source.unread == ("plans.yaml",)


def test_a_bracket_that_is_not_closed_names_where_it_was_opened() -> None:
    (finding,) = read_text("a: {b: 1", "plans.yaml").findings
    assert (finding.hint, finding.also) == ("the { was opened at 1:4", at(1, 4))


@pytest.mark.parametrize(
    ("text", "place", "code"),
    [
        ("a: b\x00", (1, 5), "U+0000"),
        ("a: 1\nb: \x1b[2J", (2, 4), "U+001B"),
        ("a: 1 # x\rb: 2", (1, 9), "U+000D"),
        ("a: 1\r", (1, 5), "U+000D"),
        ("a: x\u2028b: 2", (1, 5), "U+2028"),
        ("a: x\x85", (1, 5), "U+0085"),
        ("a: \ud800", (1, 4), "U+D800"),
        ("a: x\ufeff", (1, 5), "U+FEFF"),
        ('a: "\\e[2J"', (1, 4), "U+001B"),
        ('a: "\\0"', (1, 4), "U+0000"),
        ('a: "x\\N"', (1, 4), "U+0085"),
    ],
)
def test_a_control_character_is_named_where_it_stands(text: str, place: tuple[int, int], code: str) -> None:
    (finding,) = read_text(text, "plans.yaml").findings
    assert finding.rule == "character"
    assert (finding.place.line, finding.place.column) == place
    assert finding.message.endswith(code)


def test_a_lone_surrogate_as_an_escape_is_refused() -> None:
    assert findings_of('a: "\\ud800"') == ["1:7 syntax: the escape stands for no character"]


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing but a comment\n", "---\n", "~\n"])
def test_an_empty_file_is_an_empty_map_and_a_warning(text: str) -> None:
    source = read_text(text, "coupons.yaml")
    (finding,) = source.findings
    assert (finding.rule, finding.level) == ("empty-file", Level.WARNING)
    assert source.files[0].node == Mapping((), Place("coupons.yaml", 1, 1))


def test_all_findings_come_in_one_run_in_order_of_place() -> None:
    assert findings_of("a: &x 1\na: 2\n<<: 3\nb: !t 4\nc: [1, 2") == [
        "1:4 anchor: anchors and aliases are not allowed",
        '2:1 duplicate-key: duplicate key "a" (first at 1:1)',
        "3:1 merge-key: the merge key << is not allowed",
        "4:4 tag: the tag !t is not allowed",
        "5:9 syntax: a comma or ] is missing",
    ]


# -- files and directories ---------------------------------------------------------------------------------


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text.encode())
    return root


def test_a_directory_is_read_in_the_order_of_names_whatever_lies_below_it(tmp_path: Path) -> None:
    names = ["plans/b.yaml", "catalog.yaml", "plans/a.yml", "changes/2026-10.yaml", "eu/plans/c.yaml"]
    source = read_directory(write(tmp_path, dict.fromkeys(names, "a: 1\n")))
    assert [file.name for file in source.files] == sorted(names)
    assert source.findings == ()
    assert {file.sha256 for file in source.files} == {hashlib.sha256(b"a: 1\n").hexdigest()}
    assert source.texts["plans/b.yaml"] == "a: 1\n"


def test_wave_plans_hidden_files_and_other_formats_are_not_read(tmp_path: Path) -> None:
    names = ["migrations/w.yaml", ".github/ci.yaml", "plans/.draft.yaml", "README.md", "catalog.json"]
    source = read_directory(write(tmp_path, {"catalog.yaml": "a: 1"} | dict.fromkeys(names, "x")))
    assert [file.name for file in source.files] == ["catalog.yaml"]


def test_places_name_the_file_relative_to_the_directory(tmp_path: Path) -> None:
    source = read_directory(write(tmp_path, {"plans/workspace.yaml": "a: 1\na: 2\n"}))
    assert str(source.findings[0].place) == "plans/workspace.yaml:2:1"


def test_places_in_a_single_file_name_the_file(tmp_path: Path) -> None:
    write(tmp_path, {"shop.yaml": "a: 1\na: 2\n"})
    source = read_catalog(tmp_path / "shop.yaml")
    assert [str(finding.place) for finding in source.findings] == ["shop.yaml:2:1"]


def test_a_broken_file_does_not_keep_the_others_from_being_read(tmp_path: Path) -> None:
    source = read_catalog(write(tmp_path, {"a.yaml": "a: {", "b.yaml": "b: 1", "c.yaml": "c: 1\nc: 2"}))
    assert [finding.rule for finding in source.findings] == ["syntax", "duplicate-key"]
    assert source.unread == ("a.yaml",)


def test_bytes_that_are_not_utf8_are_named_with_their_place(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes("x: 1\nné: ".encode() + b"\xe9\n")
    (tmp_path / "b.yaml").write_bytes("x: 1\n".encode("utf-16"))
    (tmp_path / "c.yaml").write_bytes("x: 1\n".encode("utf-8-sig"))
    (tmp_path / "d.yaml").write_bytes("x: 1\n".encode("utf-16-le"))
    assert [f"{f.place} {f.message}" for f in read_directory(tmp_path).findings[:4]] == [
        "a.yaml:2:5 the byte 0xE9 is not UTF-8",
        "b.yaml:1:1 the file is UTF-16, not UTF-8",
        "c.yaml:1:1 the file begins with a byte order mark",
        "d.yaml:1:2 the file holds the character U+0000",
    ]


def test_what_is_not_there_is_a_finding(tmp_path: Path) -> None:
    for source in (read_catalog(tmp_path / "no"), read_directory(tmp_path / "no"), read_file(tmp_path)):
        assert [finding.rule for finding in source.findings] == ["cannot-open"]


def test_a_link_that_leads_outside_is_refused_and_never_opened(tmp_path: Path) -> None:
    write(tmp_path, {"secret.yaml": "password: 1\npassword: 2\n", "catalog/catalog.yaml": "a: 1\n"})
    (tmp_path / "catalog/plans").symlink_to(tmp_path)
    (tmp_path / "catalog/x.yaml").symlink_to("../secret.yaml")
    (tmp_path / "catalog/y.yaml").symlink_to("/etc/passwd")
    source = read_directory(tmp_path / "catalog")
    assert [(str(f.place), f.rule) for f in source.findings] == [
        ("plans", "link-outside"),
        ("x.yaml", "link-outside"),
        ("y.yaml", "link-outside"),
    ]
    assert [(file.name, file.text) for file in source.files] == [
        ("catalog.yaml", "a: 1\n"),
        ("x.yaml", ""),
        ("y.yaml", ""),
    ]


def test_a_link_inside_the_catalog_is_read(tmp_path: Path) -> None:
    write(tmp_path, {"shared/base.txt": "a: 1\n"})
    (tmp_path / "a.yaml").symlink_to("shared/base.txt")
    (tmp_path / "again").symlink_to("shared")
    assert read_directory(tmp_path).texts == {"a.yaml": "a: 1\n"}


def test_links_in_a_circle_pipes_and_unprintable_names_are_findings(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("b.yaml")
    (tmp_path / "b.yaml").symlink_to("a.yaml")
    os.mkfifo(tmp_path / "c.yaml")
    (tmp_path / "d.yaml").mkdir()
    (tmp_path / "e\x1b[2J.yaml").write_text("a: 1")
    assert [finding.rule for finding in read_directory(tmp_path).findings] == [
        "cannot-open",
        "cannot-open",
        "not-a-file",
        "file-name",
    ]


def test_a_file_over_one_mebibyte_is_refused_unread(tmp_path: Path) -> None:
    (tmp_path / "fits.yaml").write_bytes(b"a: 1 #" + b"x" * (1024 * 1024 - 6))
    with (tmp_path / "large.yaml").open("wb") as stream:
        stream.truncate(100 * 1024 * 1024)
    source = read_directory(tmp_path)
    assert [(str(f.place), f.rule) for f in source.findings] == [("large.yaml", "file-too-large")]
    assert [f.rule for f in read_text("#" * (1024 * 1024 + 1), "-").findings] == ["file-too-large"]


def test_a_catalog_as_a_whole_has_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {f"{letter}.yaml": "a: [1, 2, 3]\n" for letter in "abc"})
    monkeypatch.setattr(yaml_reader, "MAX_FILES", 2)
    assert [said(f) for f in read_directory(tmp_path).findings] == [
        "0:0 too-many-files: the catalog has more than 2 files"
    ]
    monkeypatch.setattr(yaml_reader, "MAX_FILES", 3)
    monkeypatch.setattr(yaml_reader, "MAX_CATALOG_BYTES", 30)  # each file is 13 bytes
    assert [(str(f.place), f.rule) for f in read_directory(tmp_path).findings] == [
        ("c.yaml", "catalog-too-large")
    ]
    monkeypatch.setattr(yaml_reader, "MAX_CATALOG_BYTES", 39)
    monkeypatch.setattr(yaml_reader, "MAX_CATALOG_EVENTS", 25)  # each file has 12 events
    assert [(str(f.place), f.rule) for f in read_directory(tmp_path).findings] == [
        ("c.yaml:1:1", "too-many-values")
    ]


def test_a_thousand_plans_fit_in_a_file_and_one_more_does_not() -> None:
    plans = "plans:\n" + "".join(f"  p{number}: {{price: free}}\n" for number in range(1_000))
    assert findings_of(plans) == []
    assert findings_of(plans + "  one_more: {}\n") == [
        "1002:3 too-many-plans: the file has more than 1,000 plans"
    ]


def test_reading_stops_after_a_hundred_findings() -> None:
    found = read_text("a: [" + "*x," * 500 + "]", "plans.yaml").findings
    assert len(found) == yaml_composer.MAX_FINDINGS + 1
    assert found[0].rule == "too-many-findings"


def test_thirty_two_levels_fit_and_one_more_does_not() -> None:
    def nested(levels: int) -> Node | None:
        return read_text("a: " + "[" * (levels - 1) + "]" * (levels - 1), "plans.yaml").files[0].node

    assert nested(32) is not None
    assert nested(33) is None
    assert findings_of("a: " + "[" * 32) == ["1:35 too-deep: maps and lists are nested deeper than 32"]


def test_a_list_or_map_that_nobody_wrote_stops_the_reading_at_its_place() -> None:
    many = ", ".join("a" * 3 for _ in range(5_001))
    (finding,) = read_text(f"groups:\n  main:\n    order: [{many}]\n", "a.yaml").findings
    assert (finding.rule, str(finding.place)) == ("too-many-entries", "a.yaml:3:25013")  # 13 + 5,000 × 5
    entries = "".join(f"      f{number}: 1\n" for number in range(5_001))
    (finding,) = read_text(f"plans:\n  p:\n    features:\n{entries}", "a.yaml").findings
    assert (finding.rule, str(finding.place)) == ("too-many-entries", "a.yaml:5004:7")


def test_a_section_may_hold_more_objects_than_that() -> None:
    text = "coupons:\n" + "".join(f"  c{number}: {{off: 20%}}\n" for number in range(5_001))
    assert read_text(text, "a.yaml").findings == ()
