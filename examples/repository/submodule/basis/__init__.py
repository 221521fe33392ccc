from basis.fourier import features

__all__ = ["features"]
