"""Stage 1: lists models and reads their structure without their weights."""
