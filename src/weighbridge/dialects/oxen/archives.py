"""A tar.gz, made while it is sent."""

import gzip
import tarfile
import time
from collections.abc import Sequence

from weighbridge.dialects.oxen import tree_nodes
from weighbridge.dialects.oxen.routes.exports import Sink
from weighbridge.dialects.oxen.tree_nodes import Node

MEDIA_TYPE = "application/gzip"


class Archive:
    """A tar.gz, taken away while it is written."""

    def __init__(self) -> None:
        self._sink = Sink()
        self._packed = gzip.GzipFile(fileobj=self._sink, mode="wb", compresslevel=1, mtime=0)

    def add_node(self, node: Node, below: Sequence[Node], parent: int | None) -> None:
        """A node with what is below it."""
        place = tree_nodes.place(node.hash)
        self.add(f"{place}/node", tree_nodes.node_file(node, below, parent))
        self.add(f"{place}/children", tree_nodes.children_file(below))

    def add(self, name: str, data: bytes) -> None:
        """A whole file."""
        self.begin(name, len(data))
        self.write(data)
        self.end(len(data))

    def begin(self, name: str, size: int) -> None:
        """A file, of which exactly `size` bytes are then written."""
        header = tarfile.TarInfo(name)
        header.size = size
        header.mtime = int(time.time())
        self.write(header.tobuf(tarfile.GNU_FORMAT))

    def write(self, data: bytes) -> None:
        """Bytes of the file that was begun."""
        self._packed.write(data)

    def end(self, size: int) -> None:
        """Files fill whole blocks."""
        self.write(bytes(-size % tarfile.BLOCKSIZE))

    def taken(self) -> bytes:
        """What is ready and was not taken yet."""
        return self._sink.taken()

    def ended(self) -> bytes:
        """The last of it."""
        self.write(bytes(2 * tarfile.BLOCKSIZE))
        self._packed.close()
        return self._sink.taken()
