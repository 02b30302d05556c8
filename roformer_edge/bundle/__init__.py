"""The bundle: the one contract between the exporter, the runtime and other languages. Standard library only.

``manifest`` describes a bundle, ``writer`` makes one, ``reader`` opens one, ``pack`` turns a directory into a ``.rfe``
archive and back. The format itself is written down in docs/bundle.md.
"""
