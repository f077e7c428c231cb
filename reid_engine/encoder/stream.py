"""Many files to embeddings: read in threads while the network computes, in order, in bounded memory."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from reid_engine.encoder.pooling import pool_batches
from reid_engine.errors import ReidError
from reid_engine.progress import Progress, silent
from reid_engine.scan import Scan, read_scan

if TYPE_CHECKING:
    from reid_engine.encoder.embedder import Embedder

T = TypeVar("T")


@dataclass(frozen=True)
class Source:
    """A file to embed, and its modality where the caller knows it."""

    path: Path
    modality: str | None = None


@dataclass(frozen=True)
class Embedded(Generic[T]):
    """A scan's embedding and facts; its pixels are gone.

    Parameters
    ----------
    position
        Which of the sources it was.
    path
        The source's file.
    embedding, appearance
        (D,), raw features, and (A,), what the encoder keeps beside them.
    modality, modality_source, modality_confidence, laterality, view, spacing, facts
        As in :class:`reid_engine.scan.Scan`.
    file_digest, pixel_digest
        As in :class:`reid_engine.scan.Scan`.
    extra
        What the caller's `extra` gave for the scan, else None.
    """

    position: int
    path: Path
    embedding: NDArray[np.float32]
    appearance: NDArray[np.float32]
    modality: str
    modality_source: str
    modality_confidence: float
    laterality: str | None
    view: str | None
    spacing: tuple[float, float, float] | None
    facts: Mapping[str, str | float]
    file_digest: str
    pixel_digest: str
    extra: T


@dataclass(frozen=True)
class Refused:
    """A source that could not be read, and the reason in one line."""

    position: int
    path: Path
    reason: str


@dataclass(frozen=True)
class _Prepared:
    position: int
    path: Path
    slices: NDArray[np.float32]
    about: dict[str, Any]
    extra: Any


_CARRIED = (
    "modality",
    "modality_source",
    "modality_confidence",
    "laterality",
    "view",
    "spacing",
    "facts",
    "file_digest",
    "pixel_digest",
)


@overload
def embed_stream(
    encoder: "Embedder",
    sources: Sequence[Source],
    *,
    batch_size: int = ...,
    readers: int = ...,
    extra: None = ...,
    progress: Progress = ...,
) -> Iterator[Embedded[None] | Refused]: ...


@overload
def embed_stream(
    encoder: "Embedder",
    sources: Sequence[Source],
    *,
    batch_size: int = ...,
    readers: int = ...,
    extra: Callable[[Scan], T],
    progress: Progress = ...,
) -> Iterator[Embedded[T] | Refused]: ...


def embed_stream(
    encoder: "Embedder",
    sources: Sequence[Source],
    *,
    batch_size: int = 16,
    readers: int = 2,
    extra: Callable[[Scan], Any] | None = None,
    progress: Progress = silent,
) -> Iterator[Embedded[Any] | Refused]:
    """Embed files in the order given; one that cannot be read is refused and the rest go on.

    One batch of scans, and a few more, are prepared ahead. Threads end with the iterator, whether it is
    exhausted, closed or dropped.

    Parameters
    ----------
    batch_size
        Slices that the network sees at a time; the result doesn't depend on it.
    readers
        Threads that read and prepare.
    extra
        Called with each scan in a reading thread, while its pixels are there; what it gives is carried along.
    progress
        Called after each source with (done, all, "embedding").
    """
    pool = ThreadPoolExecutor(max_workers=max(1, readers), thread_name_prefix="scan-reader")
    try:
        prepared = _in_order(pool, _Reader(encoder, extra), sources, ahead=batch_size + 2 * readers)
        items = ((one, one.slices if isinstance(one, _Prepared) else None) for one in prepared)
        for done, (one, vector) in enumerate(pool_batches(encoder.perceive, items, batch_size), start=1):
            progress(done, len(sources), "embedding")
            if isinstance(one, Refused):
                yield one
            elif vector is not None:
                dim = encoder.identity.dim
                yield Embedded(one.position, one.path, vector[:dim], vector[dim:], extra=one.extra, **one.about)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _Reader:
    """What a reading thread does with a source."""

    def __init__(self, encoder: "Embedder", extra: Callable[[Scan], Any] | None) -> None:
        self.encoder = encoder
        self.look = extra

    def __call__(self, position: int, source: Source) -> "_Prepared | Refused":
        try:
            scan = read_scan(source.path, modality=source.modality)
            slices = self.encoder.prepare(scan)
        except ReidError as error:
            return Refused(position, source.path, str(error))
        except MemoryError:
            return Refused(position, source.path, f"{source.path}: too large for this machine's memory; leave it out")
        except OSError as error:
            return Refused(position, source.path, f"{source.path}: cannot be read ({error.strerror}); check the file")
        about = {name: getattr(scan, name) for name in _CARRIED}
        return _Prepared(position, source.path, slices, about, self.look(scan) if self.look else None)


def _in_order(
    pool: ThreadPoolExecutor, read: _Reader, sources: Sequence[Source], ahead: int
) -> Iterator["_Prepared | Refused"]:
    """Give what the threads read, in order; at most `ahead` sources are read and not yet taken."""
    coming: deque[Future[_Prepared | Refused]] = deque()
    for position, source in enumerate(sources):
        coming.append(pool.submit(read, position, source))
        if len(coming) >= ahead:
            yield coming.popleft().result()
    while coming:
        yield coming.popleft().result()
