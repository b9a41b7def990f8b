"""Packages and instances of Open Firmware over the device tree: handles, paths, relations.

Ref: IEEE 1275-1994 6.3.2.1 (device tree services), 4.3.1 (path resolution).
"""

from dataclasses import dataclass

from fdt import Node

from jitppc.spapr.fdt_values import get, walk

FIRST_PHANDLE = 0x1000_0001
FIRST_IHANDLE = 0x2000_0001
MAX_INSTANCES = 4096


@dataclass(frozen=True, slots=True)
class Instance:
    """One opened package: what `open` was given is kept for instance-to-path."""

    phandle: int
    path: str


class OfTree:
    """The tree as a client program sees it. Nodes are never added or removed while it runs."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self._node_of: dict[int, Node] = {}
        self._phandle_of: dict[int, int] = {}
        self._parent_of: dict[int, Node] = {}
        self._instances: dict[int, Instance] = {}
        self._next_ihandle = FIRST_IHANDLE
        for index, where in enumerate(walk(root)):
            given = get(where, "phandle")
            handle = FIRST_PHANDLE + index if given is None else int.from_bytes(given, "big")
            self._node_of[handle] = where
            self._phandle_of[id(where)] = handle
            for child in where.nodes:
                self._parent_of[id(child)] = where

    def node(self, phandle: int) -> Node | None:
        return self._node_of.get(phandle)

    def phandle(self, where: Node) -> int:
        return self._phandle_of[id(where)]

    def child(self, phandle: int) -> int | None:
        """The first child, 0 when there is none, None for an unknown package."""
        where = self.node(phandle)
        if where is None:
            return None
        return self.phandle(where.nodes[0]) if where.nodes else 0

    def peer(self, phandle: int) -> int | None:
        """The next sibling, 0 after the last; the root is the peer of 0."""
        if phandle == 0:
            return self.phandle(self.root)
        where = self.node(phandle)
        if where is None:
            return None
        parent = self._parent_of.get(id(where))
        siblings = parent.nodes if parent is not None else [where]
        index = next(i for i, sibling in enumerate(siblings) if sibling is where) + 1
        return self.phandle(siblings[index]) if index < len(siblings) else 0

    def parent(self, phandle: int) -> int | None:
        where = self.node(phandle)
        if where is None:
            return None
        parent = self._parent_of.get(id(where))
        return 0 if parent is None else self.phandle(parent)

    def path(self, where: Node) -> str:
        names: list[str] = []
        while where is not self.root:
            names.append(where.name)
            where = self._parent_of[id(where)]
        return "/" + "/".join(reversed(names))

    def find(self, path: str) -> Node | None:
        """The node that `path` names; without unit address the first of that name matches."""
        if not path.startswith("/"):
            return None
        where = self.root
        for component in path.split("/")[1:]:
            wanted = component.split(":", 1)[0]
            if not wanted:
                continue
            found = where.get_subnode(wanted)
            if found is None and "@" not in wanted:
                found = next((n for n in where.nodes if n.name.split("@")[0] == wanted), None)
            if found is None:
                return None
            where = found
        return where

    def open(self, path: str) -> int:
        """A new instance of the package at `path`; 0 when there is none."""
        where = self.find(path)
        if where is None or len(self._instances) >= MAX_INSTANCES:
            return 0
        ihandle = self._next_ihandle
        self._next_ihandle += 1
        full = self.path(where) + (":" + path.split(":", 1)[1] if ":" in path else "")
        self._instances[ihandle] = Instance(self.phandle(where), full)
        return ihandle

    def close(self, ihandle: int) -> None:
        self._instances.pop(ihandle, None)

    def instance(self, ihandle: int) -> Instance | None:
        return self._instances.get(ihandle)
