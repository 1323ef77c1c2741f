"""Data production of Minerva-for-2x2 (Mx2).

The sub-packages are the rooms of the architecture page, in the order of the data.  Importing
``mx2prod`` is cheap; each room loads its own dependencies.
"""

from importlib.metadata import version

__version__ = version("mx2prod")
