"""Rows about tasks with known numbers."""

from analysis.sections.extract.architecture import KindRow, TaskRow


def task_row(name: str, models: int) -> TaskRow:
    return TaskRow(name, models, 1, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1, 1)


def kind_row(task: str, kind: str, n_models: int, n_modules: int, share: float = 0.5) -> KindRow:
    mean = n_modules / n_models
    return KindRow(task, kind, n_models, n_modules, share, 1, mean, mean, mean, n_modules)
