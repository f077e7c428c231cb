"""What a gallery remembers of the encoder that made its vectors."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EncoderIdentity:
    """Name, width and fingerprint of an encoder.

    Parameters
    ----------
    name
        The registered name, ``timm:NAME``, or ``trained:NAME-HASH`` of one that was trained here.
    dim
        Length D of an embedding.
    fingerprint
        SHA-256 (hex) over the weights' values and every parameter of the preprocessing: two encoders with
        the same fingerprint give the same embedding for the same scan, up to rounding.
    """

    name: str
    dim: int
    fingerprint: str

    def __str__(self) -> str:
        return f"{self.name} ({self.dim}-d, {self.fingerprint[:12]})"
