"""Writes single values into YAML that people wrote, so that only those characters change; it knows no catalog.

Comments, quotes, line ends and the alignment of columns stay. What was written is read again: a text that does
not say exactly what was meant is never handed out.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Sequence

from planctl.core.document import Document, Edit, Mapping, Node, Put, Scalar
from planctl.core.money import NumberError, decimal_text, parse_decimal
from planctl.errors import InvalidInput
from planctl.files.yaml_composer import compose
from planctl.files.yaml_spans import Pair, Span, comments_in, spans_of
from planctl.files.yaml_writer import write_entry, write_inline, write_key
from planctl.values import dataclass

_BLANK_LINE = re.compile(r"\n[ \t]*\r?\n")
_FOLLOWING = re.compile(r",( +)(?=[^ #\r\n])")
_COMMENT_APART = re.compile(r"[^#\r\n]*?( {2,})(?=#)")
_NUMBER = re.compile(r"[0-9][0-9_]*(?:\.[0-9]+)?", re.ASCII)


def rewritten(text: str, name: str, edits: Sequence[Edit]) -> str:
    """`text`, the file `name`, with the edits in it, made in their order.

    InvalidInput naming the place where an edit does not fit what is written there, or where the result would
    not say what was meant.
    """
    meant = _plain(_composed(text, name))
    for edit in edits:
        meant = _edited(meant, edit, name)
    waiting = list(edits)
    while waiting:
        text, waiting = _pass(text, name, waiting)
    if _plain(_composed(text, name)) != meant:
        raise _does_not_fit(name, edits[0].path)
    return text


def _pass(text: str, name: str, edits: list[Edit]) -> tuple[str, list[Edit]]:
    """The text after the first edits, as many as have nothing to do with one another, and the edits left over.

    Those are edits of different entries that change different lines: finding out where all keys stand is what
    takes time, and for them it is done once.
    """
    found, entries = _Text(text, name), set()
    windows: list[tuple[int, int, str]] = []
    for edit in edits:
        start, end, new = _window(text, found.after(edit)) if edit.path[:2] not in entries else (0, -1, "")
        apart = all(end < other_start or other_end < start for other_start, other_end, _ in windows)
        if end < 0 or not apart:
            break
        entries.add(edit.path[:2])
        windows.append((start, end, new))
    for start, end, new in sorted(windows, reverse=True):
        text = text[:start] + new + text[end:]
    return text, edits[len(windows) :]


def _window(before: str, after: str) -> tuple[int, int, str]:
    """The one part in which two texts differ: its range in the first, and what stands there in the second."""
    start = bisect_left(
        range(min(len(before), len(after))), x=True, key=lambda n: before[: n + 1] != after[: n + 1]
    )
    most = min(len(before), len(after)) - start
    same = bisect_left(
        range(most), x=True, key=lambda n: before[len(before) - n - 1 :] != after[len(after) - n - 1 :]
    )
    return start, len(before) - same, after[start : len(after) - same]


def _does_not_fit(name: str, path: Sequence[str | int]) -> InvalidInput:
    return InvalidInput(
        "the value cannot be written into the file as it is laid out",
        code="write-back",
        where=f"{name}: {'.'.join(map(str, path))}",
        hint="write it by hand",
    )


@dataclass(frozen=True, slots=True)
class _Slot:
    """A node that is there: the entry it is the value of (None in a list) and whether it stands in braces."""

    span: Span
    pair: Pair | None = None
    in_flow: bool = False


class _Text:
    """One text while one edit is made in it."""

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name
        self.root = spans_of(text)
        self.line_end = "\r\n" if "\r\n" in text else "\n"

    def after(self, edit: Edit) -> str:
        """The text after the edit."""
        above, rest = self.found(edit.path)
        slot = above[-1]
        if not isinstance(edit, Put):
            parent = above[-2].span if len(above) > 1 else None
            if rest or parent is None or slot.pair is None:
                raise _does_not_fit(self.name, edit.path)
            return self.without(parent, slot.pair, edit)
        if not rest:
            return self.replaced(slot, edit.value, edit)
        if slot.span.kind == "map":
            value = _nested(rest[1:], edit.value)
            return self.opened(slot, rest[0], value) or self.inserted(slot.span, rest[0], value, edit)
        if slot.span.is_null:
            return self.replaced(slot, _nested(rest, edit.value), edit)
        raise _does_not_fit(self.name, edit.path)

    def found(self, path: Sequence[str | int]) -> tuple[list[_Slot], list[str | int]]:
        """The nodes on a path as far as they are there, from the root on, and the steps that lead nowhere."""
        slots, rest = [_Slot(self.root, None, self.root.flow)], list(path)
        while rest:
            span, step = slots[-1].span, rest[0]
            if isinstance(step, int):
                if step >= len(span.items):
                    break
                slots.append(_Slot(span.items[step], None, slots[-1].in_flow or span.flow))
            else:
                pair = span.pair(step)
                if pair is None:
                    break
                slots.append(_Slot(pair.value, pair, slots[-1].in_flow or span.flow))
            rest.pop(0)
        return slots, rest

    # --- a value in place of another

    def replaced(self, slot: _Slot, value: Document, edit: Edit) -> str:
        old, pair = slot.span, slot.pair
        lines = [] if pair is None or slot.in_flow else self.lines_of(pair, value)
        is_inline = len(lines) < 2
        if is_inline and not self.breaks(pair.colon if pair else old.start, old.end):
            return self.in_place(old, pair, self.inline(old, value, flow=slot.in_flow))
        if pair is not None and not slot.in_flow:
            return self.laid_out(pair, lines)
        if comments_in(self.text, self.root, old.start, old.end):
            raise _does_not_fit(self.name, edit.path)
        return self.in_place(old, pair, self.inline(old, value, flow=slot.in_flow))

    def lines_of(self, pair: Pair, value: Document) -> list[str]:
        """The lines of the entry in block style, in the column of its key."""
        column = pair.key.start - self.line_start(pair.key.start)
        return write_entry(pair.key.text, value, column, top=column == 0)

    def in_place(self, old: Span, pair: Pair | None, new: str) -> str:
        """One line keeps its place; what is aligned behind the value moves as little as it can."""
        start = old.start
        if pair is not None and start == pair.colon:
            new = f" {new}" if self.text[start - 1] == ":" else f": {new}"  # `{USD}` has not even its colon
        found = _FOLLOWING.match(self.text, old.end)
        if found is not None:
            shorter = len(new) < old.end - start
            if len(found[1]) > 1 or (shorter and self.is_aligned(found.end())):
                return self.spliced(start, old.end, new, found)
        return self.spliced(start, old.end, new, self.comment_behind(old.end))

    def spliced(self, start: int, end: int, new: str, space: re.Match[str] | None) -> str:
        """`new` in place of a part of a line; the space behind it grows or shrinks, so that what follows stays."""
        if space is None:
            return self.text[:start] + new + self.text[end:]
        least = 2 if self.text[space.end()] == "#" else 1
        room = " " * max(least, len(space[1]) - len(new) + end - start)
        return self.text[:start] + new + self.text[end : space.start(1)] + room + self.text[space.end() :]

    def comment_behind(self, position: int) -> re.Match[str] | None:
        """The space before the comment at the end of the line, where it is more than one."""
        found = _COMMENT_APART.match(self.text, position)
        if found is None or not comments_in(self.text, self.root, position, self.line_stop(position)):
            return None
        inside = any(one.start < found.end() <= one.end for one in self.root.scalars())
        return None if inside else found

    def laid_out(self, pair: Pair, lines: list[str]) -> str:
        """A value of several lines comes or goes; comments of one that goes are put above its key."""
        start, end = self.line_start(pair.key.start), pair.end
        first, *below = lines
        if self.text[start : pair.key.start].strip():  # the first key of a list's item
            raise _does_not_fit(self.name, [pair.key.text])
        old_first = self.line_stop(pair.colon)
        if old_first >= end:  # on one line until now: what stands behind the value stays there
            sign = first.partition(self.text[pair.key.start : pair.key.end] + ":")[2]  # ` |-` of a long text
            return self.with_lines(pair.colon, end, sign, below)
        indent = self.text[start : pair.key.start]
        comments = [indent + one for one in comments_in(self.text, self.root, pair.colon, end)]
        whole = self.line_end.join([*comments, first, *below])
        return self.text[:start] + whole + self.text[end:]

    def with_lines(self, start: int, end: int, sign: str, below: Sequence[str]) -> str:
        """The rest of a line up to its comment replaced by `sign`, and lines put below it."""
        text = self.spliced(start, end, sign, self.comment_behind(end))
        stop = text.find("\n", start)
        stop = len(text) if stop < 0 else stop - text[start:stop].endswith("\r")
        return text[:stop].rstrip(" ") + "".join(self.line_end + line for line in below) + text[stop:]

    def inline(self, old: Span, value: Document, *, flow: bool) -> str:
        """The value as it is written in place of `old`: with its quotes and the way it writes numbers."""
        if value is None:
            return ""
        new = write_inline(value, flow=flow or old.flow)
        if not isinstance(value, str) or old.kind != "scalar":
            return new
        if old.style == "'" and not new.startswith('"'):
            return "'" + value.replace("'", "''") + "'"
        if old.style == '"' and not new.startswith('"'):
            return json.dumps(value, ensure_ascii=False)
        return write_inline(like_before(old.text, value), flow=flow) if not old.style else new

    # --- a key that comes

    def inserted(self, parent: Span, key: str | int, value: Document, edit: Edit) -> str:
        if isinstance(key, int) or (not parent.pairs and not parent.flow):
            raise _does_not_fit(self.name, edit.path)
        if parent.flow:
            return self.inserted_in_row(parent, key, value)
        column = parent.pairs[0].key.start - self.line_start(parent.pairs[0].key.start)
        lines = write_entry(key, value, column, top=column == 0)
        anchor = parent.pairs[-1]
        if len(lines) == 1:
            single = [pair for pair in parent.pairs if not self.breaks(pair.key.start, pair.end)]
            anchor = single[-1] if single else anchor
            lines = [self.in_column(lines[0], single)]
        elif self.are_apart(parent):
            lines = ["", *lines]
        stop = self.line_stop(anchor.end)
        return self.text[:stop] + "".join(self.line_end + line for line in lines) + self.text[stop:]

    def opened(self, slot: _Slot, key: str | int, value: Document) -> str:
        """A row in braces laid out as a block where it gets a value that no line has room for; else nothing."""
        row, pair = slot.span, slot.pair
        if pair is None or slot.in_flow or not row.flow or not row.pairs:
            return ""
        start = self.line_start(pair.key.start)
        column = pair.key.start - start + len("  ")
        lines = write_entry(str(key), value, column)
        if len(lines) < 2 or self.breaks(row.start, row.end) or self.text[start : pair.key.start].strip():
            return ""
        kept = [" " * column + self.text[one.key.start : one.end] for one in row.pairs]
        return self.with_lines(pair.colon, row.end, "", [*kept, *lines])

    def in_column(self, line: str, neighbours: Sequence[Pair]) -> str:
        """The line of a new entry, its value below those of its neighbours where those stand in one column."""
        columns = {one.value.start - self.line_start(one.value.start) for one in neighbours}
        key, colon, value = line.partition(": ")
        room = min(columns) - len(key) - 1 if len(columns) == 1 and len(neighbours) > 1 and colon else 1
        return f"{key}:{' ' * room}{value}" if room > 1 else line

    def inserted_in_row(self, parent: Span, key: str, value: Document) -> str:
        said = "" if value is None else f" {write_inline(value, flow=True)}"
        entry = f"{write_key(key, flow=True)}:{said}"
        if not parent.pairs:
            return self.text[: parent.start] + "{" + entry + "}" + self.text[parent.end :]
        last = parent.pairs[-1]
        between = self.text[parent.pairs[-2].end : last.key.start] if len(parent.pairs) > 1 else ", "
        joint = between if "\n" in between and not between.replace(",", "", 1).strip() else ", "
        if last.value.start == last.value.end == last.colon and last.colon > last.key.end:
            joint = f" {joint}"  # a colon needs a space behind it where nothing is written
        if value is None and self.text[last.end : last.end + 1] != " ":
            entry += " "
        return self.spliced(last.end, last.end, joint + entry, self.comment_behind(last.end))

    def are_apart(self, parent: Span) -> bool:
        """Whether blank lines stand between the entries of a block."""
        if len(parent.pairs) < 2:
            return False
        return bool(
            _BLANK_LINE.search(self.text, parent.pairs[-2].end, self.line_start(parent.pairs[-1].key.start))
        )

    # --- a key that goes

    def without(self, parent: Span, pair: Pair, edit: Edit) -> str:
        place = parent.pairs.index(pair)
        if parent.flow:
            return self.without_in_row(parent, place, edit)
        start, stop = self.line_start(pair.key.start), self.line_stop(pair.end)
        indent = self.text[start : pair.key.start]
        if indent.strip() or (len(parent.pairs) == 1 and parent is self.root):
            raise _does_not_fit(self.name, edit.path)
        kept = [indent + one for one in comments_in(self.text, self.root, pair.colon, stop)]
        if kept:
            return self.text[:start] + self.line_end.join(kept) + self.text[stop:]
        if stop == len(self.text):  # the last line goes, and a missing line end stays missing
            return self.text[:start].removesuffix("\n").removesuffix("\r")
        return self.text[:start] + self.text[stop:].removeprefix("\r").removeprefix("\n")

    def without_in_row(self, parent: Span, place: int, edit: Edit) -> str:
        pairs = parent.pairs
        if len(pairs) == 1:
            start, end = parent.start + 1, parent.end - 1
        elif place + 1 < len(pairs):
            start, end = pairs[place].key.start, pairs[place + 1].key.start
        else:
            start, end = pairs[place - 1].end, pairs[place].end
        if comments_in(self.text, self.root, start, end):
            raise _does_not_fit(self.name, edit.path)
        return self.spliced(start, end, "", self.comment_behind(end))

    # --- lines and columns

    def line_start(self, position: int) -> int:
        return self.text.rfind("\n", 0, position) + 1

    def line_stop(self, position: int) -> int:
        """Where the line ends, before its line end."""
        stop = self.text.find("\n", position)
        stop = len(self.text) if stop < 0 else stop
        return stop - 1 if self.text[position:stop].endswith("\r") else stop

    def breaks(self, start: int, end: int) -> bool:
        return "\n" in self.text[start:end]

    def is_aligned(self, position: int) -> bool:
        """Whether what begins here begins in the same column, with the same word, in the line above or below."""
        start = self.line_start(position)
        column, word = position - start, self.text[position:].partition(":")[0]
        above = self.text[self.line_start(start - 1) : start] if start else ""
        after = self.line_stop(position)
        below = self.text[after:].lstrip("\r\n").partition("\n")[0]
        return any(line[column:].startswith(f"{word}:") for line in (above, below))


def like_before(old: str, new: str) -> str:
    """A number written as the one before it was: `5_000` by thousands, `0.50` with two decimals; else `new`."""
    if ".." in new:
        olds = old.split("..") if ".." in old else [old, old]
        return "..".join(map(like_before, olds, new.split("..")))
    if not (_NUMBER.fullmatch(old) and _NUMBER.fullmatch(new)):
        return new
    whole, _, decimals = new.partition(".")
    before = old.partition(".")[2]
    if before.endswith("0") and len(decimals) < len(before):
        decimals = decimals.ljust(len(before), "0")
    if "_" in old and len(whole) > 3:
        whole = f"{int(whole):_}"
    return f"{whole}.{decimals}" if decimals else whole


# --- what a text says, to compare


_Plain = None | str | list["_Plain"] | dict[str, "_Plain"]


def _composed(text: str, name: str) -> Node:
    read = compose(text, name)
    if read.node is None or any(finding.is_error for finding in read.findings):
        found = read.findings[0]
        raise InvalidInput(found.message, code="write-back", where=str(found.place), hint="write it by hand")
    return read.node


def _plain(node: Node) -> _Plain:
    if isinstance(node, Mapping):
        return {entry.key.text: _plain(entry.value) for entry in node.entries} or None
    if isinstance(node, Scalar):
        return None if node.is_null else _number(node.text)
    return [_plain(item) for item in node.items]


def _plain_of(value: Document) -> _Plain:
    if isinstance(value, dict):
        return {key: _plain_of(item) for key, item in value.items()} or None
    if isinstance(value, list):
        return [_plain_of(item) for item in value]
    return value if value is None else _number(value) if isinstance(value, str) else str(value).lower()


def _number(text: str) -> str:
    """Numbers alike however they are written: `1_000.0` is `1000`."""
    try:
        return "..".join(
            decimal_text(parse_decimal(part, allow_underscores=True)) for part in text.split("..")
        )
    except NumberError:
        return text


def _edited(whole: _Plain, edit: Edit, name: str) -> _Plain:
    """The same edit where it is easy."""
    value = _plain_of(edit.value) if isinstance(edit, Put) else None
    return _set(whole, list(edit.path), value, name, taken=not isinstance(edit, Put))


def _set(whole: _Plain, path: list[str | int], value: _Plain, name: str, *, taken: bool) -> _Plain:
    if not path:
        return value
    step, *rest = path
    if isinstance(step, int):
        if not isinstance(whole, list) or step >= len(whole):
            raise _does_not_fit(name, path)
        return [
            _set(item, rest, value, name, taken=taken) if index == step else item
            for index, item in enumerate(whole)
        ]
    found = dict(whole) if isinstance(whole, dict) else {}
    if taken and not rest:
        found.pop(step, None)
        return found or None
    return {**found, step: _set(found.get(step), rest, value, name, taken=taken)}


def _nested(path: Sequence[str | int], value: Document) -> Document:
    for step in reversed(path):
        value = {str(step): value}
    return value
