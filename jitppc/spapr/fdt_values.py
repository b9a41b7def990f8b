"""Property values as bytes. Every property of our tree is bytes, as the guest sees them.

Ref: Devicetree specification 2.2.4 (property values); LoPAR appendix B.6.2.
"""

from collections.abc import Iterable, Iterator

from fdt import Node, PropBytes, Property, PropStrings, PropWords

EMPTY = b""
PHANDLE_INTERRUPTS = 0x1111


def cells(*values: int) -> bytes:
    """Big-endian 32-bit cells; -1 is all ones."""
    return b"".join((value & 0xFFFFFFFF).to_bytes(4, "big") for value in values)


def cells64(*values: int) -> bytes:
    """Big-endian pairs of cells, high word first."""
    return b"".join(value.to_bytes(8, "big") for value in values)


def text(*values: str) -> bytes:
    """NUL-terminated strings, one after the other."""
    return b"".join(value.encode("ascii", "replace") + b"\0" for value in values)


def node(name: str, properties: dict[str, bytes], children: Iterable[Node] = ()) -> Node:
    """A node with these properties, in this order, and these children."""
    made = Node(name)
    for key, value in properties.items():
        made.set_property(key, value)
    for child in children:
        made.append(child)
    return made


def value_of(prop: Property) -> bytes:
    """The bytes of a property, whichever class of the `fdt` library holds it."""
    if isinstance(prop, PropStrings):
        return text(*prop.data)
    if isinstance(prop, PropWords):
        return cells(*prop.data)
    if isinstance(prop, PropBytes):
        return bytes(prop.data)
    return EMPTY


def get(where: Node, name: str) -> bytes | None:
    """The bytes of property `name` of a node, or None."""
    prop = where.get_property(name)
    return None if prop is None else value_of(prop)


def put(where: Node, name: str, value: bytes) -> None:
    """Property `name` of a node is `value`; its place among the others does not change."""
    made = PropBytes(name, data=value)
    made.set_parent(where)
    for index, prop in enumerate(where.props):
        if prop.name == name:
            where.props[index] = made
            return
    where.props.append(made)


def replace(where: Node, other: Node) -> None:
    """The node gets name and properties of the other one; it stays where and which it is."""
    where.set_name(other.name)
    where.props.clear()
    for prop in other.props:
        put(where, prop.name, value_of(prop))


def walk(where: Node) -> Iterator[Node]:
    """The node and all nodes below it, parents first."""
    yield where
    for child in where.nodes:
        yield from walk(child)
