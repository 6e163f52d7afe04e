"""Ways to read a structure."""

from model_extract.readers import meta_device
from pipeline.registry import Registry

READERS = Registry("reader", [meta_device.READER])
