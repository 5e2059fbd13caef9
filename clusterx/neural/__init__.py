"""Clusters as the units of a map."""

from .som import SelfOrganizingMap

__all__ = ["SelfOrganizingMap"]
