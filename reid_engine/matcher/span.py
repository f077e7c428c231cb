"""A basis of what few vectors span: all that a model sees of them, and quicker to fit in."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def in_their_span(vectors: Floats) -> tuple[Floats, Floats | None]:
    """Give fewer vectors than features (N, D) in a basis of their span, (N, N), and the basis (D, N).

    A model that turns with the basis finds the same similarities; many models of 1,280 features each are slow. Other
    vectors come back as they are, and None.
    """
    if len(vectors) >= vectors.shape[1]:
        return vectors, None
    basis = np.linalg.qr(vectors.T.astype(np.float64))[0]
    return np.ascontiguousarray(vectors @ basis, dtype=np.float32), basis.astype(np.float32)
