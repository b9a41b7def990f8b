"""A flattened tree that a guest has made, read with distrust: a tree or None, in linear time.

Ref: Devicetree specification 5.2 (header), 5.4 (structure block), 5.5 (strings block).
"""

import struct

from fdt import Node, PropBytes

from jitppc.spapr.fdt_values import node

MAGIC = 0xD00DFEED
HEADER_SIZE = 40
BEGIN_NODE, END_NODE, PROPERTY, NOP, END = 1, 2, 3, 4, 9
VERSION, COMPATIBLE = 17, 16
MAX_NAME = 256
MAX_DEPTH = 64


class _DamagedTreeError(ValueError):
    """Something is not where it should be."""


def parsed(blob: bytes) -> Node | None:
    """The root of the tree in `blob`; None when it is damaged."""
    try:
        return _Reader(blob).tree()
    except (_DamagedTreeError, struct.error, UnicodeDecodeError):
        return None


class _Reader:
    """A position in the structure block."""

    def __init__(self, blob: bytes) -> None:
        if len(blob) < HEADER_SIZE:
            raise _DamagedTreeError
        magic, _, struct_at, strings_at, _, version, compatible, _, strings, structs = (
            struct.unpack_from(">10I", blob)
        )
        if magic != MAGIC or version < VERSION or compatible > COMPATIBLE:
            raise _DamagedTreeError
        if struct_at % 4 or max(struct_at + structs, strings_at + strings) > len(blob):
            raise _DamagedTreeError
        self._blob, self._at, self._end = blob, struct_at, struct_at + structs
        self._strings = blob[strings_at : strings_at + strings]

    def _cell(self) -> int:
        self._at += 4
        if self._at > self._end:
            raise _DamagedTreeError
        return int.from_bytes(self._blob[self._at - 4 : self._at], "big")

    def _bytes(self, size: int) -> bytes:
        start = self._at
        self._at += (size + 3) & ~3
        if self._at > self._end:
            raise _DamagedTreeError
        return self._blob[start : start + size]

    def _token(self) -> int:
        token = self._cell()
        while token == NOP:
            token = self._cell()
        return token

    def tree(self) -> Node:
        if self._token() != BEGIN_NODE:
            raise _DamagedTreeError
        root = self._node(MAX_DEPTH)
        if self._token() != END:
            raise _DamagedTreeError
        return root

    def _node(self, depth: int) -> Node:
        """The node whose beginning has been read."""
        name = _text(self._blob, self._at)
        self._bytes(len(name) + 1)
        made, token = node(name or "/", {}), self._token()
        while token != END_NODE:
            if token == PROPERTY:
                size, name_at = self._cell(), self._cell()
                key = _text(self._strings, name_at)
                made.props.append(PropBytes(key, data=self._bytes(size)))
            elif token == BEGIN_NODE and depth:
                made.nodes.append(self._node(depth - 1))
            else:
                raise _DamagedTreeError
            token = self._token()
        return made


def _text(data: bytes, at: int) -> str:
    """The name from `at` up to a NUL."""
    end = data.find(b"\0", at, at + MAX_NAME)
    name = data[at:end].decode("ascii")
    if end < 0 or not all(c.isprintable() for c in name):
        raise _DamagedTreeError
    return name
