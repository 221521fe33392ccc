"""proveout: an automated AI researcher that proves training ideas out on a ladder of scales."""

__version__ = "0.1.0"

__all__ = ["__version__"]
