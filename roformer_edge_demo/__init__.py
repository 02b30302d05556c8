"""The files of ``roformer-edge demo``: a small checkpoint and its evaluation set, and no code.

A distribution of its own, so that a device that answers with bundles does not install seven megabytes of checkpoint.
``roformer_edge.demo.embedded`` reads it.
"""
