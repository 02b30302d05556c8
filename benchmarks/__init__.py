"""Figures of roformer-edge and of its neighbours, each measured by a module of its own."""

import roformer_edge as roformer_edge  # before any module here imports the engine: it switches off the telemetry
