"""Shapes of the inputs and outputs of every module, from one forward without weights."""

from model_extract.shapes.trace import ShapeTrace, trace_shapes

__all__ = ["ShapeTrace", "trace_shapes"]
