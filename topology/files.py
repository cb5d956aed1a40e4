"""Files that appear at once or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

HALF_WRITTEN = ".new"
"""How the names of files end that are not whole yet; what a killed writer left can be told by it."""


def write_whole(target: Path, content: str | bytes, *, durable: bool = False) -> None:
    """Write a file so that a reader sees the old one or the new one, never a part. All users may read it.

    Text is written in UTF-8, its line ends as they are. ``durable``: the content is on the disk before it
    gets its name, so that a power failure, too, leaves the old file or the new one.

    Raises ``OSError`` where that cannot be; the old file is then as it was, and nothing stays beside it.
    """
    data = content.encode() if isinstance(content, str) else content
    descriptor, beside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=HALF_WRITTEN)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.chmod(beside, 0o644)
        os.replace(beside, target)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
